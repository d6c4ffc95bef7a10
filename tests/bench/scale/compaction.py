"""What working the changes into the base costs those who ask meanwhile.

rbld does so by itself once enough differs from the base (docs/ARCHITECTURE.md,
"Index files"): it writes the whole index anew, maps it and gives the old one's
memory back. A round brings a list to just below that, takes the rate under full
load for a while, goes on with changes, some each second, and takes the rate
from these on until the new base is there and the memory rests again; all of it
on the worker's own core. All rounds add new listings: to take them off again
changes less memory, which of a small list would not be enough.
"""

import glob
import os
import time

from tests.bench.scale import change
from tests.bench.scale import memory
from tests.bench.scale import start
from tests.harness import control
from tests.harness import process_stats

# rbld's own numbers: so many changes, or as many bytes of them as this and a
# part of the index.
MOST_CHANGES = 50_000
MOST_BYTES = 4 << 20
PART_OF_INDEX = 16
# How many changes tell what one takes.
SAMPLE = 10_000
# Of what is enough, before the load.
BEFORE = 0.9
CHANGES_A_SECOND = 500
# More than a round needs.
CHANGES_A_ROUND = 60_000
QUIET_SECONDS = 5
# Of the least priority beside a thread that never rests.
GIVE_UP_SECONDS = 300
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

    def index_bytes(self):
        return memory.index(self._server)["bytes"]

    def close(self):
        self._control.close()

    def resident(self):
        return memory.resident(self._server)["resident"]


def rate(before, after):
    return (after[1] - before[1]) / (after[0] - before[0])


def is_writing(server):
    """Whether rbld writes an index file just now."""
    return bool(glob.glob(os.path.join(server.rbld.store_path, "index",
                                       "*.new")))


def change_until_base(server, watch, addresses):
    """Some changes a second until a new base is begun, so that the next round
    begins with few that are behind one; and waits for it. Returns how many."""
    began, bases, made = time.monotonic(), watch.now()[2], 0
    while watch.now()[2] == bases:
        if time.monotonic() - began > GIVE_UP_SECONDS:
            raise RuntimeError("no new base within %d s" % GIVE_UP_SECONDS)
        if not is_writing(server):
            some = addresses[made:made + CHANGES_A_SECOND]
            start.change_many(server.rbld, some, "add")
            made += len(some)
        time.sleep(1)
    return made


def rested(watch):
    """The figures once the memory rests."""
    before = None
    while before != (before := watch.resident()):
        time.sleep(REST_SECONDS)
    return watch.now()


def enough(index_bytes, bytes_a_change):
    """How many changes are enough for a new base."""
    # Those that are there are a part of the index, too.
    most_bytes = (index_bytes / PART_OF_INDEX + MOST_BYTES) * \
        PART_OF_INDEX / (PART_OF_INDEX - 1)
    return min(MOST_CHANGES, most_bytes / bytes_a_change)


def one_round(server, watch, queries, addresses):
    """Returns the figures, and among them how many of the addresses were
    added."""
    rest, index_bytes = watch.resident(), watch.index_bytes()
    start.change_many(server.rbld, addresses[:SAMPLE], "add")
    wanted = enough(index_bytes,
                    max(1, watch.index_bytes() - index_bytes) / SAMPLE)
    before = int(wanted * BEFORE)
    start.change_many(server.rbld, addresses[SAMPLE:before], "add")
    time.sleep(QUIET_SECONDS)
    with change.background(server, queries, 0, GIVE_UP_SECONDS) as report:
        first = watch.now()
        time.sleep(QUIET_SECONDS)
        second = watch.now()
        process_stats.forget_peak(server.pid)
        if second[2] != first[2]:
            raise RuntimeError("a base was written before its time")
        made = before + change_until_base(server, watch, addresses[before:])
        last = rested(watch)
    peak = process_stats.memory_bytes(server.pid)["VmHWM"]
    found = {"without": rate(first, second), "with": rate(second, last),
             "seconds": last[0] - second[0], "rest": rest, "peak": peak,
             "changes": made, "loss": report[0].loss}
    print("  a base of %d changes in %.1f s: %.0f q/s, %.0f without; peak "
          "%.3f x the resting memory" % (
              made, found["seconds"], found["with"], found["without"],
              peak / rest), flush=True)
    return found


def measure(server, queries, rounds):
    """[{"without", "with", "seconds", "rest", "peak", "changes", "loss"}, …]:
    queries a second, bytes."""
    addresses = server.files.changes(rounds * CHANGES_A_ROUND)
    watch = Watch(server)
    try:
        found, made = [], 0
        for _ in range(rounds):
            found.append(one_round(server, watch, queries, addresses[made:]))
            made += found[-1]["changes"]
        start.change_many(server.rbld, addresses[:made], "remove")
        return found
    finally:
        watch.close()
