"""Rounds of: report, test, kill -9, start again; and in the end, check.

rbld's clock is not the system's: it runs fast while everybody works, stands
still while rbld is away, and leaps while no tester lives. A session that is cut
by its tester's end so is given up within seconds, and the days of a schedule
pass. A session that lives is never given up, as it would not be with a clock
that keeps time: its tester ends it before its lease does.
"""

import collections
import queue
import random
import threading
import time

from tests.harness import control
from tests.harness import daemon
from tests.harness import dns_client
from tests.relay import kill_targets
from tests.relay import kill_verify
from tests.relay import lab

# Seconds of rbld's clock in one of the system's.
RATE = 100
# At most that much at once, should this program be late.
MAX_STEP = 30
PAUSE_SECONDS = 0.1
# Of the system's clock: 800 s of rbld's, whose leases last 1,500.
SESSION_SECONDS = 8
LEASE = 1500
# While no tester lives.
LEAPS = [LEASE + 100, LEASE + 100, LEASE + 100, 3 * 3600, 86400 + 600]
LEAP_SHARE = 0.8

MIN_RUN_SECONDS = 0.2
# In some rounds, a message that the catcher just stores is waited for.
AIMED_SHARE = 0.4
MAX_AIM_SECONDS = 1.0
# From one kill of a round to the next, where rbld and testers are killed.
MAX_APART_SECONDS = 0.6
MAX_AWAY_SECONDS = 0.4
# After the last kill.
END_SECONDS = 300

# Who is killed, by share.
VICTIMS = {
    "rbld": 30,
    "a tester": 10,
    "the testers": 25,
    "rbld, then the testers": 20,
    "the testers, then rbld": 15,
}

# The manners are the defaults. No listed address is tested again.
_SCHEDULE = {
    "retry": ["30m", "2h", "8h"],
    "session_gap": "10m",
    "late_mail": "1h",
    "sessions_per_day": 4,
    "sessions_per_network_hour": 10,
    "retest": ["60d"],
    "reports_per_day": 1000000,
}
_MOST_DAYS = 50
_MANNERS = kill_verify.Manners(gap_slack=60, window_slack=800)
_RELAYD_FLAGS = ["--proof_seconds=1", "--command_seconds=6",
                 "--session_seconds=%d" % SESSION_SECONDS,
                 "--max_sessions=60"]
_TESTERS = 2


class Summary:
    def __init__(self):
        self.kills = collections.Counter()
        self.seconds = 0.0
        self.days = 0.0
        self.targets = collections.Counter()
        self.reports = self.unanswered = 0
        self.connections = self.cut = self.sessions = self.most_messages = 0
        self.cut_leases = 0
        self.taken = self.again = self.unsure = self.replayed = 0

    def __str__(self):
        return (
            "%d kills (%s) in %.0f s and %.1f days of rbld's clock\n"
            "%d targets (%s), %d reports, %d of them without an answer\n"
            "%d connections, %d of them cut by a kill; %d sessions told of, "
            "%d leases of killed testers; %d messages to a target at most\n"
            "%d messages and bounces taken by the catcher, %d of them not at "
            "the first try; %d tries ended without a yes or no, %d messages "
            "had come already" % (
                sum(self.kills.values()), _counts(self.kills), self.seconds,
                self.days, sum(self.targets.values()), _counts(self.targets),
                self.reports, self.unanswered, self.connections, self.cut,
                self.sessions, self.cut_leases, self.most_messages, self.taken,
                self.again, self.unsure, self.replayed))


def _counts(counter):
    return ", ".join("%d %s" % (count, what)
                     for what, count in counter.most_common())


class _Clock:
    """rbld's clock, and what it showed when."""

    def __init__(self, scratch, moments):
        self.fake = lab.FakeClock(scratch)
        self._moments = moments
        self._last = time.monotonic()

    def now(self):
        return time.time() + self.fake.seconds

    def leap(self, seconds):
        self.fake.advance(seconds)
        self._last = time.monotonic()
        self._moments.add(self._last, self.fake.seconds)

    def stand(self):
        self._last = time.monotonic()

    def run_on(self):
        """To be called often while it runs."""
        passed = int((time.monotonic() - self._last) * RATE)
        if passed > 0:
            self.leap(min(passed, MAX_STEP))


class _Reporter:
    """Reports what it is given until each has its answer."""

    def __init__(self, socket_path, facts):
        self.todo = queue.Queue()
        self._api = control.Control(socket_path)
        self._facts = facts
        self._ending = False
        self.problem = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            while True:
                address, pause = self.todo.get()
                if address is None:
                    return
                time.sleep(pause)
                self._report(address)
                self.todo.task_done()
        except Exception as error:  # pylint: disable=broad-except
            self.problem = error

    def _report(self, address):
        while not self._ending:
            self._facts.unanswered[address] += 1
            self._facts.reports[address] += 1
            try:
                self._api.request("POST", "/v1/relay/reports",
                                  {"target": address})
                self._facts.unanswered[address] -= 1
                return
            except control.OutcomeUnknown as unknown:
                if isinstance(unknown.__cause__, ConnectionRefusedError):
                    self._facts.reports[address] -= 1
                    self._facts.unanswered[address] -= 1
                time.sleep(0.1)

    def is_done(self):
        if self.problem:
            raise self.problem
        return self.todo.unfinished_tasks == 0

    def stop(self):
        self._ending = True
        self.todo.put((None, 0))
        self._thread.join()
        self._api.close()


class _Run:

    def __init__(self, scratch, targets, seed, longest_run, sync):
        self.random = random.Random(seed)
        self.longest_run = longest_run
        self.kinds = kill_targets.kinds(targets)
        self.facts = kill_verify.Facts(self.kinds, _MANNERS)
        self.clock = _Clock(scratch, self.facts.moments)
        self.lab = lab.Lab(scratch, _SCHEDULE, _RELAYD_FLAGS, self.clock.fake)
        self.rbld = self.lab.rbld
        self.rbld.extra_flags.append("--forget_unsynced")
        if not sync:
            self.rbld.extra_flags.append("--nosync")
        self.api = control.Control(self.rbld.socket_path)
        self.testers = []
        self.targets = None
        self.reporter = None
        self.summary = Summary()

    # ---- who lives ----

    def kill_rbld(self):
        self.facts.away.append([time.monotonic(), None])
        self.rbld.kill()

    def start_rbld(self):
        time.sleep(self.random.uniform(0, MAX_AWAY_SECONDS))
        self.rbld.start()
        self.facts.away[-1][1] = time.monotonic()
        self.clock.stand()

    def start_testers(self):
        # Any number may test; one receives.
        self.testers = [self.lab.new_relayd(listens=i == 0)
                        for i in range(_TESTERS)]
        self.clock.stand()

    def kill_testers(self):
        for tester in self.testers:
            tester.process.kill()
        for tester in self.testers:
            tester.kill()
        self.facts.deaths.append(time.monotonic())

    def check_alive(self):
        for program in [self.rbld.program, self.targets.program] + self.testers:
            if not program.running():
                raise kill_verify.Broken("%s ended by itself:\n%s" % (
                    program.argv[0], program.log()))

    # ---- time ----

    def work_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(PAUSE_SECONDS, max(0, end - time.monotonic())))
            self.clock.run_on()

    def leap(self, seconds):
        """With no tester alive: what was granted is lost."""
        daemon.wait_until("the ends of cut sessions",
                          lambda: self.targets.state()["open"] == 0)
        self.note_cut_leases()
        if seconds == 0:
            return
        self.clock.leap(seconds)
        if self.clock.fake.seconds > _MOST_DAYS * 86400:
            raise kill_verify.Broken("this takes too many days")
        if seconds > LEASE:
            daemon.wait_until("rbld to give up what was cut", lambda:
                              self.api.request("GET", "/v1/stats")["relay"][
                                  "sessions_running"] == 0)

    def note_cut_leases(self):
        for case in self.cases(state="running"):
            lease = case["lease"]
            self.facts.cut_leases.add(
                (case["target"], lease["test"], lease["session"]))

    # ---- rounds ----

    def one_round(self, addresses):
        """Returns who was killed."""
        seconds = self.random.uniform(MIN_RUN_SECONDS, self.longest_run)
        for address in addresses:
            self.reporter.todo.put((address, seconds / len(addresses) / 2))
        self.work_for(seconds)
        self.check_alive()
        if self.random.random() < AIMED_SHARE:
            self.aim()
        victim = self.random.choices(list(VICTIMS), VICTIMS.values())[0]
        self.summary.kills[victim] += 1
        if victim == "a tester":
            self.kill_a_tester()
        elif victim == "rbld":
            self.kill_rbld()
            self.start_rbld()
        else:
            self.kill_all_testers(victim)
        return victim

    def aim(self):
        end = time.monotonic() + MAX_AIM_SECONDS
        while time.monotonic() < end and not self.targets.state()["storing"]:
            self.clock.run_on()

    def kill_all_testers(self, victim):
        apart = self.random.uniform(0, MAX_APART_SECONDS)
        if victim == "rbld, then the testers":
            self.kill_rbld()
            time.sleep(apart)
        self.kill_testers()
        if victim == "the testers, then rbld":
            time.sleep(apart)
            self.kill_rbld()
        if not self.rbld.program.running():
            self.start_rbld()
        self.leap(self.random.choice(LEAPS)
                  if self.random.random() < LEAP_SHARE else 0)
        self.start_testers()

    def kill_a_tester(self):
        which = self.random.randrange(_TESTERS)
        self.testers[which].kill()
        self.facts.deaths.append(time.monotonic())
        self.note_cut_leases()
        self.testers[which] = self.lab.new_relayd(listens=which == 0)

    # ---- the end ----

    def cases(self, **query):
        return self.api.request("GET", "/v1/relay/cases",
                                query=dict(query, limit=10000))["cases"]

    def unfinished(self):
        facts = self.facts
        answered = [address for address in list(facts.reports)
                    if facts.reports[address] > facts.unanswered[address]]
        cases = {case["target"]: case for case in self.cases()}
        lost = [address for address in answered if address not in cases]
        if lost:
            raise kill_verify.Broken(
                "%d reports were answered and are lost: %s" % (
                    len(lost), ", ".join(lost[:10])))
        return [case for case in cases.values()
                if not kill_verify.is_over(case)]

    def finish(self):
        end = time.monotonic() + END_SECONDS
        while True:
            if time.monotonic() > end:
                raise kill_verify.Broken("not over after %d s: %s" % (
                    END_SECONDS, self.unfinished()[:3]))
            self.work_for(0.5)
            self.check_alive()
            state = self.targets.state()
            unfinished = self.unfinished()
            if state["pending"] or not self.reporter.is_done():
                continue
            if not unfinished:
                return
            due = sorted(kill_verify.seconds(time_text)
                         for case in unfinished
                         for time_text in _times(case) if time_text)
            wait = due[0] - self.clock.now()
            if wait < RATE or state["open"]:
                continue
            # Some more of them fall due meanwhile.
            wait = max(wait, due[len(due) * 3 // 4] - self.clock.now())
            for tester in self.testers:
                tester.stop()
            self.leap(int(wait) + 2)
            self.start_testers()

    def learn_the_facts(self):
        facts = self.facts
        log = self.targets.log()
        facts.connections = log["connections"]
        facts.mail = log["mail"]
        facts.cases = {case["target"]: case for case in self.cases()}
        for listing in self.api.listings("relays"):
            if listing["source"] == "relay-test":
                facts.listed.add(listing["target"])
        for address in self.kinds:
            facts.evidence[address] = self.api.request(
                "GET", "/v1/relay/evidence/" + address)["evidence"]
            facts.history[address] = self.api.request(
                "GET", "/v1/history", query={"target": address})["entries"]
        names = {dns_client.reversed_name(address, self.rbld.zone): address
                 for address in self.kinds}
        asker = dns_client.ManyAsker(self.rbld.server)
        try:
            for name, answer in asker.ask_all(names):
                if answer.values(dns_client.A):
                    facts.in_dns.add(names[name])
        finally:
            asker.close()

    def sum_up(self, seconds):
        facts, summary = self.facts, self.summary
        summary.seconds = seconds
        summary.days = self.clock.fake.seconds / 86400
        summary.targets.update(facts.kinds.values())
        summary.reports = sum(facts.reports.values())
        summary.unanswered = sum(facts.unanswered.values())
        summary.connections = len(facts.connections)
        summary.cut = kill_verify.cut_connections(facts)
        summary.sessions = sum(len(facts.of(address, "session"))
                               for address in facts.kinds)
        summary.cut_leases = len(facts.cut_leases)
        messages = collections.Counter()
        for connection in facts.connections:
            messages[connection["address"]] += len(connection["taken"])
        summary.most_messages = max(messages.values(), default=0)
        taken = [m for m in facts.mail if m["outcome"] == "taken"]
        summary.taken = len(taken)
        summary.again = sum(mail["tries"] > 1 for mail in taken)
        summary.unsure = sum(mail["unsure"] for mail in facts.mail)
        summary.replayed = sum(mail["outcome"] == "refused"
                               for mail in facts.mail)

    def run(self, kills, say):
        started = time.monotonic()
        addresses = list(self.kinds)
        for one in range(kills):
            victim = self.one_round(
                addresses[len(addresses) * one // kills:
                          len(addresses) * (one + 1) // kills])
            unfinished = self.unfinished()
            say("round %3d: %s killed; day %.1f, %d reported, %d unfinished, "
                "targets: %s" % (
                    one + 1, victim,
                    self.clock.fake.seconds / 86400, len(self.facts.reports),
                    len(unfinished), self.targets.state()))
            self.clock.stand()
        self.finish()
        self.learn_the_facts()
        self.sum_up(time.monotonic() - started)


def _times(case):
    yield case["next_session"]
    if case["test"]:
        yield case["test"]["deadline"]
    if case["lease"]:
        yield case["lease"]["until"]


def run(targets, kills, seed, longest_run, sync=True, say=print):
    """Returns (what was seen, a summary); raises kill_verify.Broken if it comes
    to no end. lab.enter() goes first.

    `longest_run` is of the seconds between kills. A session that takes messages
    lasts more than 2 s, and a test has no verdict after 12 that were cut.
    """
    with daemon.Scratch(mode=0o755) as scratch:
        one = _Run(scratch, targets, seed, longest_run, sync)
        try:
            one.targets = kill_targets.Targets(scratch, one.kinds)
            one.rbld.start()
            one.start_testers()
            one.reporter = _Reporter(one.rbld.socket_path, one.facts)
            one.run(kills, say)
        finally:
            if one.reporter is not None:
                one.reporter.stop()
            one.api.close()
            one.kill_testers()
            for program in (one.rbld.program,
                            one.targets and one.targets.program):
                if program is not None and program.running():
                    program.kill()
    return one.facts, one.summary
