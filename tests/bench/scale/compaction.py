"""What working the changes into the base costs those who ask meanwhile.

rbld does so by itself once 50,000 targets of a list differ from the base: it
writes the whole index anew, maps it and gives the old one's memory back
(docs/ARCHITECTURE.md, "Index files"). A round brings a list to just below that
number, takes the rate under full load for a while, makes the last changes, and
takes the rate until the new base is there and the memory rests again; all of it
on the worker's own core. The next round takes the changes back.
"""

import time

from tests.bench.scale import change
from tests.bench.scale import memory
from tests.bench.scale import start
from tests.harness import control
from tests.harness import process_stats

# rbld's own number; a test of it would be slow with more, and nobody needs to
# set it.
CHANGES_BEFORE_A_BASE = 50_000
MARGIN = 500
QUIET_SECONDS = 5
# Of the least priority beside a thread that never rests.
GIVE_UP_SECONDS = 600
# From the file that is written to the last page that is exchanged.
REST_SECONDS = 3


class Watch:
    """Queries answered and bases written, as rbld counts them."""

    def __init__(self, server):
        self._server = server
        self._control = control.Control(server.rbld.socket_path)

    def now(self):
        """(time, queries, bases)"""
        stats = self._control.request("GET", "/v1/stats")
        return (time.monotonic(), stats["queries"]["totals"]["udp_queries"],
                stats["store"]["index_files_written"])

    def close(self):
        self._control.close()

    def resident(self):
        return memory.resident(self._server)["resident"]


def rate(before, after):
    return (after[1] - before[1]) / (after[0] - before[0])


def wait_for_base(watch, bases):
    """The figures once there are so many, and no sooner than the memory
    rests."""
    began = time.monotonic()
    while watch.now()[2] < bases:
        if time.monotonic() - began > GIVE_UP_SECONDS:
            raise RuntimeError("no new base within %d s" % GIVE_UP_SECONDS)
        time.sleep(0.05)
    before = None
    while before != (before := watch.resident()):
        time.sleep(REST_SECONDS)
    return watch.now()


def one_round(server, watch, queries, addresses, verb):
    rest = watch.resident()
    start.change_many(server.rbld, addresses[:-2 * MARGIN], verb)
    time.sleep(QUIET_SECONDS)
    with change.background(server, queries, 0, GIVE_UP_SECONDS) as report:
        first = watch.now()
        time.sleep(QUIET_SECONDS)
        second = watch.now()
        process_stats.forget_peak(server.pid)
        start.change_many(server.rbld, addresses[-2 * MARGIN:], verb)
        third = watch.now()
        if third[2] != first[2]:
            raise RuntimeError("a base was written before its time")
        last = wait_for_base(watch, third[2] + 1)
    peak = process_stats.memory_bytes(server.pid)["VmHWM"]
    found = {"without": rate(first, second), "with": rate(third, last),
             "seconds": last[0] - third[0], "rest": rest, "peak": peak,
             "loss": report[0].loss}
    print("  a base in %.1f s: %.0f q/s, %.0f without; peak %.3f x the "
          "resting memory" % (found["seconds"], found["with"],
                              found["without"], peak / rest), flush=True)
    return found


def measure(server, queries, rounds):
    """[{"without", "with", "seconds", "rest", "peak", "loss"}, …]: queries a
    second, bytes."""
    addresses = server.files.changes()[:CHANGES_BEFORE_A_BASE + MARGIN]
    watch = Watch(server)
    try:
        found = []
        for one in range(rounds):
            found.append(one_round(server, watch, queries, addresses,
                                   "remove" if one % 2 else "add"))
        if rounds % 2:
            start.change_many(server.rbld, addresses, "remove")
        return found
    finally:
        watch.close()
