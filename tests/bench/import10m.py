"""Imports of ten million lines: how long, durable and visible.

  bazel run --config=opt //tests/bench:import10m -- [--lines N] [--rounds N]
                                                    [--write]

Each round imports a sorted feed into an empty store, and into another one the
same lines unsorted, then those again, then with one line in a hundred
replaced; with journal and audit. The clock starts with the command. It stops
twice: when DNS gives an answer that only the new content can give, and when
the command has its reply, which comes once all is durable and visible.
"""

import argparse
import json
import os
import subprocess
import time

from tests.bench import bench
from tests.bench import markdown
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import process_stats

# Listings a second of whole imports; seconds of 10,000,000 lines with 1 % new.
LIMIT_SORTED = 3_000_000
LIMIT_UNSORTED = 2_000_000
LIMIT_CHANGED_SECONDS = 4.0
LIMIT_BYTES = 1 << 30
POLL_SECONDS = 0.005
# rbld is at rest when it takes less of a core than this.
REST_PART = 0.02
REST_SECONDS = 0.5
REST_WAIT_SECONDS = 60

SORTED = "sorted, into an empty store"
UNSORTED = "unsorted, into an empty store"
AGAIN = "the same again"
CHANGED = "with 1 % replaced"


def come_to_rest(rbld):
    """Waits for what an import leaves to be done behind, and for the disk."""
    os.sync()
    deadline = time.monotonic() + REST_WAIT_SECONDS
    while time.monotonic() < deadline:
        before = sum(process_stats.cpu_seconds(rbld.program.pid))
        time.sleep(REST_SECONDS)
        took = sum(process_stats.cpu_seconds(rbld.program.pid)) - before
        if took < REST_PART * REST_SECONDS:
            return


def timed_import(rbld, path, name, listed):
    """Imports `path`; waits until `name` is listed, or is not.

    Returns a dict of figures.
    """
    come_to_rest(rbld)
    with open("/proc/%d/clear_refs" % rbld.program.pid, "w") as reset:
        reset.write("5")  # the peak counts from here (proc(5))
    cpu_before = sum(process_stats.cpu_seconds(rbld.program.pid))
    started = time.monotonic()
    client = subprocess.Popen(
        [daemon.rblctl_path(), "--socket", rbld.socket_path, "import",
         "--list", "relays", "--source", "bench", path, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    answered = None
    while answered is None:
        answer = daemon.answers(rbld.server, name)
        if answer is not None and bool(
                answer.values(dns_client.A)) == listed:
            answered = time.monotonic() - started
        elif client.poll() not in (None, 0):
            raise RuntimeError("import failed: " + client.stderr.read())
        time.sleep(POLL_SECONDS)
    out, err = client.communicate()
    finished = time.monotonic() - started
    if client.returncode != 0:
        raise RuntimeError("import failed: " + err)
    memory = process_stats.memory_bytes(rbld.program.pid)
    return {
        "answered": answered, "finished": finished,
        "summary": json.loads(out),
        "peak": memory["VmHWM"], "resident": memory["VmRSS"],
        "cpu": sum(process_stats.cpu_seconds(rbld.program.pid)) - cpu_before,
    }


def first_and_last(path):
    with open(path, "rb") as lines:
        first = lines.readline().decode().strip()
        lines.seek(-40, os.SEEK_END)
        last = lines.read().decode().split()[-1]
    return first, last


def check(figures, added, removed, unchanged):
    summary = figures["summary"]
    found = (summary["added"], summary["removed"], summary["unchanged"],
             summary["changed"] + summary["duplicates"] + summary["rejected"])
    if found != (added, removed, unchanged, 0):
        raise RuntimeError("not what the feeds differ by: %r" % summary)


def one_round(lines):
    """{name: figures} of all imports, and the restart's seconds."""
    moved = max(1, lines // 100)
    figures = {}
    with daemon.Scratch() as scratch:
        path = bench.feed(scratch.join("feed"), lines, is_sorted=True)
        last = first_and_last(path)[1]
        with bench.bench_rbld(scratch) as rbld:
            figures[SORTED] = timed_import(rbld, path,
                                           bench.address_name(last), True)
            check(figures[SORTED], lines, 0, 0)
    with daemon.Scratch() as scratch:
        path = bench.feed(scratch.join("feed"), lines)
        # The same but for the first `moved` lines, with as many new ones.
        again = bench.feed(scratch.join("again"), lines, first=moved)
        first, last = first_and_last(path)
        with bench.bench_rbld(scratch) as rbld:
            figures[UNSORTED] = timed_import(rbld, path,
                                             bench.address_name(last), True)
            check(figures[UNSORTED], lines, 0, 0)
            figures[AGAIN] = timed_import(rbld, path,
                                          bench.address_name(last), True)
            check(figures[AGAIN], 0, 0, lines)
            figures[CHANGED] = timed_import(rbld, again,
                                            bench.address_name(first), False)
            check(figures[CHANGED], moved, moved, lines - moved)
            started = time.monotonic()
            rbld.stop()
            rbld.start()
            for address in (last, first_and_last(again)[1]):
                answer = rbld.ask(bench.address_name(address))
                if not answer.values(dns_client.A):
                    raise RuntimeError("%s is not listed after the restart"
                                       % address)
            restart = time.monotonic() - started
    return figures, restart


def limits(lines):
    """{name: the seconds that it may take}"""
    return {SORTED: lines / LIMIT_SORTED, UNSORTED: lines / LIMIT_UNSORTED,
            CHANGED: LIMIT_CHANGED_SECONDS * lines / 10_000_000}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    rounds = [one_round(args.lines) for _ in range(args.rounds)]

    def median(name, key):
        return bench.median([figures[name][key] for figures, _ in rounds])

    rows = []
    missed = []
    for name in (SORTED, UNSORTED, AGAIN, CHANGED):
        finished = median(name, "finished")
        limit = limits(args.lines).get(name)
        peak = max(figures[name]["peak"] for figures, _ in rounds)
        if limit and finished > limit:
            missed.append("%s: %.2f s" % (name, finished))
        if peak > LIMIT_BYTES:
            missed.append("%s: %.0f MiB" % (name, peak / 2**20))
        rows.append([
            name,
            # The old content answers the same.
            "" if name == AGAIN else "%.2f s" % median(name, "answered"),
            "%.2f s" % finished,
            "%.2f s" % limit if limit else "",
            "%.1f M" % (args.lines / finished / 1e6),
            "%.1f s" % median(name, "cpu"),
            "%.0f MiB" % (peak / 2**20),
            "%.0f MiB" % (median(name, "resident") / 2**20)])
    text = (
        "%s lines, %d rounds, medians (of the peak, the most).\n\n%s\n\nStop "
        "and start with all of it: %.1f s to the first answer. %s.\n" % (
            format(args.lines, ","), args.rounds,
            markdown.table(["import", "first right answer", "command done",
                            "limit", "listings a second", "CPU of rbld",
                            "peak of rbld", "resident after"], rows),
            bench.median([restart for _, restart in rounds]),
            markdown.machine()))
    print(text)
    print("limits: " + ("missed: " + "; ".join(missed) if missed else "met"))
    if args.write:
        markdown.write_section("import10m", text)


if __name__ == "__main__":
    main()
