"""How soon a change is visible, and what queries cost meanwhile.

rbld gets a thousand single additions a second, each a request and a synced
write of its own, while queries come at half of what it can answer, and while it
answers as many as it can. At half the load it sleeps and wakes, more often when
there are changes, and a query's share of that is in its cost; at full load the
batches are the same with changes and without. The peers get one change at a
time by the means that they have, and nothing else to do.
"""

import contextlib
import json
import os
import signal
import subprocess
import time

from tests.bench import bench
from tests.bench import load
from tests.bench.scale import figures
from tests.bench.scale import start
from tests.harness import control
from tests.harness import daemon
from tests.harness import process_stats

RATE = 1000
LOAD_PART = 0.5
# Of the load generator, which must leave the core to the changes as well.
NAP_MICROSECONDS = 50
OUTSTANDING = 100  # at full load
LOADS = ("half", "most")
SETTLE_SECONDS = 1.0
# How much longer than wanted a load may run, if nobody stops it.
SPARE_SECONDS = 60
PEER_CHANGES = 5
PEER_SECONDS = 60


@contextlib.contextmanager
def background(server, queries, per_second, seconds):
    """dnsload for the block; gives a list that has its report afterwards.

    `per_second` 0: as many as are answered.
    """
    log = server.scratch.join("background.json")
    with contextlib.suppress(FileNotFoundError):
        os.remove(log)
    nap = NAP_MICROSECONDS if per_second else load.CLOSED_NAP_MICROSECONDS
    # Its report for people is not wanted in the log.
    program = daemon.Program(
        ["sh", "-c", 'exec "$@" 2>/dev/null', "sh",
         daemon.runfile("tests/bench/dnsload"), "--port=%d" % server.port,
         "--queries=" + queries, "--rate=%d" % per_second,
         "--seconds=%d" % (seconds + SPARE_SECONDS),
         "--outstanding=%d" % OUTSTANDING, "--nap_us=%d" % nap],
        log, cpu=bench.CLIENT_CPU)
    report = []
    with program:
        before = process_stats.task_seconds(server.pid)
        daemon.wait_until(
            "queries", lambda: process_stats.task_seconds(server.pid) >
            before + 0.02, program)
        time.sleep(SETTLE_SECONDS)
        yield report
        program.stop(signal.SIGINT)
        report.append(load.LoadRun(program.log(), "", bench.ServerTime()))


class Window:
    """What the workers' threads and the whole process took for a query."""

    def __init__(self, server):
        self._server = server
        self._control = control.Control(server.rbld.socket_path)
        self._workers = process_stats.thread_ids(server.pid, "rbld-worker")
        if not self._workers:
            raise RuntimeError("no thread is called rbld-worker")

    def _now(self):
        totals = self._control.request("GET", "/v1/stats")["queries"]["totals"]
        return (totals["udp_queries"],
                sum(process_stats.thread_seconds(self._server.pid, one)
                    for one in self._workers),
                process_stats.task_seconds(self._server.pid))

    def __enter__(self):
        self._before = self._now()
        return self

    def __exit__(self, *unused):
        queries, workers, whole = (
            after - before for after, before in zip(self._now(), self._before))
        self._control.close()
        self.queries = queries
        self.worker_microseconds = workers / max(1, queries) * 1e6
        self.whole_microseconds = whole / max(1, queries) * 1e6


def changeload(server, seconds, skip=0, remove=False):
    """What changeload says of a thousand changes a second.

    It shares its core with the load, and goes before it where it may: how long
    it would wait for that says nothing of the server.
    """
    first = ["chrt", "--fifo", "1"] if os.geteuid() == 0 else []
    argv = first + ["taskset", "-c", str(bench.CLIENT_CPU),
            daemon.runfile("tests/bench/changeload"),
            "--socket=" + server.rbld.socket_path, "--list=relays",
            "--targets=" + server.files.changes_path(), "--zone=" + bench.ZONE,
            "--port=%d" % server.port, "--rate=%d" % RATE,
            "--seconds=%d" % seconds, "--skip=%d" % skip,
            "--remove=%s" % str(remove).lower()]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", timeout=seconds + 120)
    if done.returncode != 0:
        raise RuntimeError("changeload: exit %d\n%s" % (done.returncode,
                                                        done.stderr))
    return json.loads(done.stdout)


def window(server, queries, per_second, seconds, changes):
    """One window of time with or without changes."""
    with background(server, queries, per_second, seconds) as report:
        with Window(server) as taken:
            if changes:
                said = changeload(server, seconds)
            else:
                said = None
                time.sleep(seconds)
    run = report[0]
    bench.check_answers("rbld under changes", run, max_loss=1.0)
    return {"worker": taken.worker_microseconds,
            "whole": taken.whole_microseconds, "queries": taken.queries,
            "per_second": run.per_second, "loss": run.loss, "changes": said}


def rbld_rounds(server, queries, rounds, seconds):
    """{"rate": q/s at half load, "half": windows, "most": windows}, with the
    windows as {"without": [one for each round], "with": […]}."""
    server.files.changes_path()  # made now, not in the first window
    most = load.run(server.port, queries, 3, pid=server.pid,
                    outstanding=OUTSTANDING).per_second
    rates = {"half": int(most * LOAD_PART), "most": 0}
    found = {name: {"without": [], "with": []} for name in LOADS}
    kinds = [(name, changes) for name in LOADS
             for changes in ("without", "with")]
    for one in range(rounds):
        for name, changes in figures.rotated(kinds, one):
            got = window(server, queries, rates[name], seconds,
                         changes == "with")
            found[name][changes].append(got)
            show(one, name, changes, got)
            if got["changes"]:
                made = server.files.changes()[:got["changes"]["changes"]]
                start.change_many(server.rbld, made, "remove")
    return dict(found, rate=rates["half"])


def show(one, load_name, changes, got):
    text = "  round %d  %s load, %s changes: workers %.3f µs, whole process " \
        "%.3f µs a query, lost %.4f %%" % (
            one + 1, load_name, changes, got["worker"], got["whole"],
            got["loss"] * 100)
    if got["changes"]:
        text += "; p99 from the request %.0f µs, from the acknowledgement " \
            "%.0f µs, stale %d" % (
                got["changes"]["request_to_answer_us"]["p99"],
                got["changes"]["ack_to_answer_us"]["p99"],
                got["changes"]["stale"])
    print(text, flush=True)


# What each peer can do. Each returns what makes the change, to be timed.

def rbldnsd_change(server, address):
    """A line more in a file of its dataset, and SIGHUP."""
    with open(server.extra, "a") as out:
        out.write(address + "\n")
    return lambda: os.kill(server.pid, signal.SIGHUP)


def knot_change(server, address):
    """A transaction of knotc; only its commit is timed."""
    owner = ".".join(reversed(address.split(".")))
    for words in (("zone-begin", bench.ZONE),
                  ("zone-set", bench.ZONE, owner, "300", "A", "127.0.0.2")):
        subprocess.run(server.control(*words), check=True,
                       stdout=subprocess.DEVNULL)
    return lambda: subprocess.run(
        server.control("zone-commit", bench.ZONE), check=True,
        stdout=subprocess.DEVNULL)


def nsd_change(server, address):
    """A line more in its zone file, and SIGHUP."""
    with open(server.own_file, "a") as out:
        out.write("%s 300 IN A 127.0.0.2\n" % bench.address_name(
            address, bench.ZONE + "."))
    return lambda: os.kill(server.pid, signal.SIGHUP)


PEERS = {"rbldnsd": rbldnsd_change, "knot": knot_change, "nsd": nsd_change}


def peer_rounds(server):
    """[seconds from the change to the right answer]; fewer of them when they
    are long. A file's new time must differ, in seconds, from its last."""
    found, began = [], time.monotonic()
    for address in server.files.changes()[:PEER_CHANGES]:
        time.sleep(1.1)
        make = PEERS[server.name](server, address)
        prober = start.Prober(server.server,
                              {bench.address_name(address): True})
        try:
            before = time.monotonic()
            make()
            if not prober.done.wait(start.GIVE_UP_SECONDS):
                raise RuntimeError("%s never answered by a change"
                                   % server.name)
            found.append(prober.first_right - before)
        finally:
            prober.stop()
        print("  %s: a change is visible after %.4f s" % (
            server.name, found[-1]), flush=True)
        if time.monotonic() - began > PEER_SECONDS:
            break
    return found
