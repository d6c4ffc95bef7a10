"""A watched file of ten million lines is replaced while dnsperf asks.

  bazel run -c opt //tests/bench:reload -- [--lines N] [--load PART] [--write]

The two versions differ in every answer: in the code of what both list, and in
one line in a thousand that only one of them has. Names of all three kinds are
asked all the time, one after the other; each answer must be wholly of the old
version or wholly of the new one, and none of the old one may follow one of the
new. No query may get lost.
"""

import argparse
import itertools
import os
import statistics
import threading
import time

from tests.bench import bench
from tests.bench import markdown
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import process_stats

LIMIT_PEAK = 1.5
ROUNDS = 3
# Of the capacity; the loading takes its part of the same core.
LOAD_PART = 0.25
SAMPLES = 100
PAUSE_SECONDS = 0.002
CODES = ("127.0.0.2", "127.0.0.4")

DATASET = """
[[dataset]]
name = "bench"
type = "ip4set"
files = ["watched"]
lists = ["relays"]
"""


def write_version(path, feed, code):
    with open(path, "wb") as out:
        out.write(b":%s:%s\n" % (code.encode(), bench.REASON.encode()))
        with open(feed, "rb") as lines:
            for block in iter(lambda: lines.read(1 << 20), b""):
                out.write(block)
    return path


def sample(path, wanted):
    """Addresses from all over the file."""
    size = os.path.getsize(path)
    found = []
    with open(path, "rb") as lines:
        for i in range(wanted):
            lines.seek(size * i // wanted)
            lines.readline()
            found.append(lines.readline().decode().strip())
    return [address for address in found if address]


class Watcher:
    """Asks the same names again and again, and tells the versions apart.

    `names` is {name: (codes of the old version, of the new one)}.
    """

    def __init__(self, server, names):
        self._server = server
        self._names = names
        self._stopping = False
        self.asked = 0
        self.wrong = []  # neither version's, or the old one's too late
        self.first_new = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        for name in itertools.cycle(self._names):
            if self._stopping:
                return
            old, new = self._names[name]
            answer = dns_client.ask(self._server, name, timeout_seconds=10)
            self.asked += 1
            got = answer.values(dns_client.A)
            if got == new:
                self.first_new = self.first_new or time.monotonic()
            elif got != old or self.first_new:
                self.wrong.append((name, got))
            time.sleep(PAUSE_SECONDS)

    def stop(self):
        self._stopping = True
        self._thread.join()


def timed_reload(rbld, scratch, version, names):
    """Puts `version` in place; returns a dict of figures."""
    pid = rbld.program.pid
    resting = process_stats.memory_bytes(pid)["VmRSS"]
    with open("/proc/%d/clear_refs" % pid, "w") as reset:
        reset.write("5")  # the peak counts from here (proc(5))
    watcher = Watcher(rbld.server, names)
    try:
        time.sleep(0.5)
        started = time.monotonic()
        os.rename(version, scratch.join("watched"))
        result = rbld.ctl("reload")
        if result.code != 0:
            raise RuntimeError("reload: %r" % result)
        done = time.monotonic() - started
        daemon.wait_until("the new version", lambda: watcher.first_new,
                          rbld.program)
        # Until each name was asked after the change.
        asked = watcher.asked
        daemon.wait_until("all names",
                          lambda: watcher.asked > asked + len(names),
                          rbld.program)
    finally:
        watcher.stop()
    return {"done": done, "seen": watcher.first_new - started,
            "resting": resting, "asked": watcher.asked,
            "wrong": watcher.wrong,
            "peak": process_stats.memory_bytes(pid)["VmHWM"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--load", type=float, default=LOAD_PART)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    bench.check_machine()
    moved = max(SAMPLES, args.lines // 1000)
    figures = []
    with daemon.Scratch() as scratch:
        feeds = [bench.feed(scratch.join("feed"), args.lines),
                 bench.feed(scratch.join("again"), args.lines, first=moved)]
        only_old = bench.feed(scratch.join("gone"), moved)
        only_new = bench.feed(scratch.join("fresh"), moved, first=args.lines)
        both = bench.feed(scratch.join("both"), args.lines - moved,
                          first=moved)
        names = {}
        for path, old, new in ((both, [CODES[0]], [CODES[1]]),
                               (only_old, [CODES[0]], []),
                               (only_new, [], [CODES[1]])):
            for address in sample(path, SAMPLES):
                names[bench.address_name(address)] = (old, new)
        queries = bench.queries(scratch.join("queries"),
                                min(1_000_000, args.lines * 3), args.lines)
        write_version(scratch.join("watched"), feeds[0], CODES[0])
        rbld = daemon.Rbld(scratch, zone=bench.ZONE, kind="ipv4",
                           cpu=bench.SERVER_CPU, ipv6=False, more=DATASET,
                           zone_keys='serial = "unixtime"')
        with rbld:
            alone = [bench.dnsperf(rbld.port, queries, 3) for _ in range(3)]
            for run in alone:
                bench.check_answers("before the first reload", run)
            capacity = statistics.median(run.per_second for run in alone)
            load = bench.Load(rbld.port, queries, capacity * args.load)
            time.sleep(1)
            try:
                for i in range(ROUNDS):
                    new = (i + 1) % 2
                    version = write_version(scratch.join("next"), feeds[new],
                                            CODES[new])
                    expected = names if new else {
                        name: (after, before)
                        for name, (before, after) in names.items()}
                    figures.append(timed_reload(rbld, scratch, version,
                                                expected))
                    time.sleep(2)
            finally:
                load.stop()
    lost = sum(run.lost for run in load.runs)
    sent = sum(run.sent for run in load.runs)
    reached = statistics.median(run.per_second for run in load.runs)
    wrong = sum(len(one["wrong"]) for one in figures)
    peak = max(one["peak"] / one["resting"] for one in figures)
    text = (
        "%s lines, unsorted, replaced %d times; dnsperf at %d k q/s on the "
        "same core, %.0f %% of what it gets alone. Lost: %d of %s queries. "
        "Answers that were of neither version, or of the old one after the "
        "new: %d of %s.\n\n%s\n\n%s.\n" % (
            format(args.lines, ","), ROUNDS, reached / 1000,
            reached / capacity * 100, lost, format(sent, ","), wrong,
            format(sum(one["asked"] for one in figures), ","),
            markdown.table(
                ["reload", "first new answer", "command done",
                 "resident before", "peak", "peak ÷ resident"],
                [[i + 1, "%.1f s" % one["seen"], "%.1f s" % one["done"],
                  "%.0f MiB" % (one["resting"] / 2**20),
                  "%.0f MiB" % (one["peak"] / 2**20),
                  "%.2f" % (one["peak"] / one["resting"])]
                 for i, one in enumerate(figures)]),
            markdown.machine("dnsperf")))
    print(text)
    for one in figures:
        for name, got in one["wrong"][:5]:
            print("wrong: %s %s" % (name, got))
    good = lost == 0 and wrong == 0 and peak < LIMIT_PEAK
    print("lost %d, wrong %d, peak %.2f times the resting memory (limit %.1f): "
          "%s" % (lost, wrong, peak, LIMIT_PEAK, "met" if good else "MISSED"))
    if args.write:
        markdown.write_section("reload", text)


if __name__ == "__main__":
    main()
