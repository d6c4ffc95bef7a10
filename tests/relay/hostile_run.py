"""Hostile mail servers by the thousand (hostile_main.cc), each tested to the
end of its case: none is listed but those that do relay, and nobody is asked
more than the rules allow.
"""

import collections
import json
import random
import threading
import time

from tests.bench import markdown
from tests.harness import control
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import process_stats
from tests.relay import lab

HOST = "198.18.0.3"
# Every address of it is a server's.
PREFIX = "10.0.0.0/8"
_NETWORKS = 1 << 16
_REPORTERS = 8
_STALL_SECONDS = 120
_MOST_MESSAGES = 3
_PAGE = 5000
# Of those that must not be in the DNS.
_SAMPLE = 2000
_SESSIONS = 2000
# Of rbl-relayd: with up to 5000 ended sessions that rbld has not been told of;
# and for each that is under way.
_MEMORY_BYTES = 256 << 20
_SESSION_BYTES = 64 << 10

_SCHEDULE = {
    "retry": ["1s"],
    "session_gap": "1s",
    "late_mail": "5s",
    # Longer than any session, whatever else the machine does.
    "lease": "2m",
    "reports_per_day": 1000000000,
    "max_sessions": 100000,
}
_RELAYD_FLAGS = ["--command_seconds=1", "--proof_seconds=1",
                 "--session_seconds=10"]


class Broken(AssertionError):
    """A promise that was not kept."""


class Summary:
    """What was seen: facts of the servers, and of the daemons."""

    def __init__(self):
        self.relays = set()
        self.listed = set()
        self.verdicts = collections.Counter()
        self.wrong_verdicts = []
        self.sessions = {}
        self.memory = {}
        self.memory_bound = 0
        self.facts = {}
        self.traits = {}
        self.verbs = {}
        self.wrong = {}
        self.examples = []
        # The address that got the most messages, and what it said of them.
        self.most_mailed = ["", ""]
        self.evidence = ""
        self.seconds = 0

    def __str__(self):
        return "\n".join([
            markdown.table(["verdict", "cases"],
                           [list(row) for row in self.verdicts.most_common()]),
            markdown.table(["trait", "met"],
                           [list(row) for row in self.traits.items()]),
            "the servers: %s" % self.facts,
            "commands: %s" % self.verbs,
            "sessions: %s" % self.sessions,
            "%d listed, %d of them relays; %d s" % (
                len(self.listed), len(self.listed & self.relays),
                self.seconds),
            "peak memory: " + ", ".join(
                "%s %d MB" % (name, size >> 20)
                for name, size in self.memory.items())])

    def check(self):
        """Raises Broken unless all is as it must be."""
        if self.wrong:
            raise Broken("what the servers saw: %s\n%s" % (
                self.wrong, "\n".join(self.examples)))
        if self.listed != self.relays:
            raise Broken("listed without being relays: %s; relays that are "
                         "not listed: %s" % (
                             sorted(self.listed - self.relays)[:10],
                             sorted(self.relays - self.listed)[:10]))
        if self.wrong_verdicts:
            raise Broken("verdicts: %s" % self.wrong_verdicts[:10])
        if self.facts["most_messages"] > _MOST_MESSAGES:
            raise Broken("%d messages to %s, which said of them: %s\n%s" % (
                self.facts["most_messages"], *self.most_mailed,
                self.evidence))
        if self.facts["accept_failures"] or not self.facts["forged_refused"] \
                or self.facts["forged_taken"]:
            raise Broken("the servers: %s" % self.facts)
        unmet = [name for name, count in self.traits.items() if not count]
        if unmet:
            raise Broken("traits that nobody met: %s" % unmet)
        if self.memory["rbl-relayd"] > self.memory_bound:
            raise Broken("rbl-relayd needed %d bytes, more than %d" % (
                self.memory["rbl-relayd"], self.memory_bound))


def _addresses(count):
    """Each in a /24 of its own as far as there are so many: a neighbour that
    is in the way is waited for."""
    networks = min(_NETWORKS, count)
    return ["10.%d.%d.%d" % (i % networks >> 8, i % networks & 255,
                             1 + i // networks) for i in range(count)]


def _report_all(rbld, addresses):
    problems = []

    def work(part):
        api = control.Control(rbld.socket_path)
        try:
            for address in part:
                api.request("POST", "/v1/relay/reports", {"target": address})
        except Exception as error:  # pylint: disable=broad-except
            problems.append(repr(error))
        finally:
            api.close()

    threads = [threading.Thread(target=work,
                                args=(addresses[number::_REPORTERS],))
               for number in range(_REPORTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise Broken("reports: %s" % problems)


def _check_alive(the_lab, servers):
    for program in (the_lab.rbld.program, the_lab.relayd, servers):
        if not program.running():
            raise Broken("%s ended with %d:\n%s" % (
                program.argv[0], program.process.returncode,
                program.log()[-4000:]))


def _wait_for_ends(the_lab, servers, say):
    """Until every case has its verdict."""
    before, since, said = None, time.monotonic(), time.monotonic()
    while the_lab.api.request("GET", "/v1/relay/cases", query={
            "verdict": "none", "limit": 1})["cases"]:
        _check_alive(the_lab, servers)
        stats = the_lab.api.request("GET", "/v1/stats")["relay"]
        now = time.monotonic()
        if stats != before:
            before, since = stats, now
        elif now - since > _STALL_SECONDS:
            raise Broken("nothing goes on: %s" % stats)
        if now - said > 10:
            say(str(stats))
            said = now
        time.sleep(0.5)
    _check_alive(the_lab, servers)


def _cases(api):
    cursor = ""
    while True:
        query = {"limit": _PAGE}
        if cursor:
            query["cursor"] = cursor
        page = api.request("GET", "/v1/relay/cases", query=query)
        yield from page["cases"]
        cursor = page.get("next_cursor") or ""
        if not cursor:
            return


def _check_dns(rbld, listed, addresses, rng):
    sample = set(rng.sample(addresses, min(_SAMPLE, len(addresses)))) | listed
    asked = {dns_client.reversed_name(one, rbld.zone): one for one in sample}
    asker = dns_client.ManyAsker(rbld.server)
    try:
        for name, answer in asker.ask_all(asked):
            if bool(answer.answer) != (asked[name] in listed):
                raise Broken("the DNS says otherwise of " + asked[name])
    finally:
        asker.close()


def _look(the_lab, addresses, summary, rng):
    api = the_lab.api
    summary.listed = {one["target"] for one in api.listings("relays")}
    seen = 0
    for case in _cases(api):
        seen += 1
        summary.verdicts[case["verdict"]] += 1
        is_relay = case["target"] in summary.relays
        if (case["verdict"] in ("open", "multihop") or
                case["listed"]) != is_relay:
            summary.wrong_verdicts.append((case["target"], case["verdict"]))
    if seen != len(addresses):
        raise Broken("%d cases of %d addresses" % (seen, len(addresses)))
    _check_dns(the_lab.rbld, summary.listed, addresses, rng)
    summary.sessions = api.request("GET", "/v1/stats")["relay"]
    summary.memory = {
        "rbl-relayd": process_stats.memory_bytes(the_lab.relayd.pid)["VmHWM"],
        "rbld": process_stats.memory_bytes(
            the_lab.rbld.program.pid)["VmHWM"]}


def run(peers, seed, relays, say=print):
    """Tests so many servers; the Summary, unchecked. In a namespace."""
    rng = random.Random(seed)
    addresses = _addresses(peers)
    others = max(4, peers // 500)
    chosen = rng.sample(addresses, relays + 2 * others)
    sessions = min(_SESSIONS, peers // 2)
    started = time.monotonic()
    summary = Summary()
    summary.relays = set(chosen[:relays])
    summary.memory_bound = _MEMORY_BYTES + _SESSION_BYTES * sessions
    with daemon.Scratch(mode=0o755) as scratch:
        lab.enter(scratch)
        report = scratch.join("hostile.json")
        servers = daemon.Program(
            lab.host(HOST, more=PREFIX).command([
                daemon.runfile("tests/relay/hostile_servers"),
                "--seed=%d" % seed, "--report=" + report,
                "--relays=" + ",".join(chosen[:relays]),
                "--forgers=" + ",".join(chosen[relays:relays + others]),
                "--bouncers=" + ",".join(chosen[relays + others:])]),
            scratch.join("hostile.log"))
        with servers, lab.Lab(
                scratch, schedule=_SCHEDULE, networks=(lab.NETWORK, PREFIX),
                relayd_flags=_RELAYD_FLAGS +
                ["--max_sessions=%d" % sessions]) as the_lab:
            daemon.wait_until("the servers", lambda: "listens" in
                              servers.log(), servers)
            _report_all(the_lab.rbld, addresses)
            say("%d reported after %d s" % (
                peers, time.monotonic() - started))
            _wait_for_ends(the_lab, servers, say)
            _look(the_lab, addresses, summary, rng)
            servers.stop()
            with open(report) as text:
                told = json.load(text)
            for key, value in told.items():
                setattr(summary, key, value)
            if summary.facts["most_messages"] > _MOST_MESSAGES:
                summary.evidence = "\n".join(
                    str(piece["text"]) for piece in
                    the_lab.evidence(summary.most_mailed[0]))
    summary.seconds = time.monotonic() - started
    return summary
