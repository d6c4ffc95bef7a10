"""An unsorted import of ten million lines: time to the first right answer.

  bazel run -c opt //tests/bench:import10m -- [--lines N] [--write]

Once into an empty store, with journal and audit, and once more into the full
one with one line in a thousand replaced. The clock starts with the command and
stops when DNS gives an answer that only the new content can give.
"""

import argparse
import os
import subprocess
import time

from tests.bench import bench
from tests.bench import markdown
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import process_stats

LIMIT_SECONDS = 12.0
LIMIT_BYTES = 1 << 30
POLL_SECONDS = 0.005


def timed_import(rbld, path, name, listed):
    """Imports `path`; waits until `name` is listed, or is not.

    Returns a dict of figures.
    """
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
        "answered": answered, "finished": finished, "out": out.strip(),
        "peak": memory["VmHWM"], "resident": memory["VmRSS"],
        "cpu": sum(process_stats.cpu_seconds(rbld.program.pid)) - cpu_before,
    }


def first_and_last(path):
    with open(path, "rb") as lines:
        first = lines.readline().decode().strip()
        lines.seek(-40, os.SEEK_END)
        last = lines.read().decode().split()[-1]
    return first, last


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    moved = max(1, args.lines // 1000)
    figures = []
    with daemon.Scratch() as scratch:
        feed = bench.feed(scratch.join("feed"), args.lines)
        # The same but for the first `moved` lines, with as many new ones.
        again = bench.feed(scratch.join("again"), args.lines, first=moved)
        first, last = first_and_last(feed)
        with bench.bench_rbld(scratch) as rbld:
            figures.append(("into an empty store", timed_import(
                rbld, feed, bench.address_name(last), True)))
            figures.append(("the same again", timed_import(
                rbld, feed, bench.address_name(last), True)))
            figures.append(("with %s lines replaced" % format(moved, ","),
                            timed_import(rbld, again,
                                         bench.address_name(first), False)))
            started = time.monotonic()
            rbld.stop()
            rbld.start()
            for address in (last, first_and_last(again)[1]):
                answer = rbld.ask(bench.address_name(address))
                if not answer.values(dns_client.A):
                    raise RuntimeError("%s is not listed after the restart"
                                       % address)
            restart = time.monotonic() - started
    rows = [[name, "%.1f s" % f["answered"], "%.1f s" % f["finished"],
             "%.1f s" % f["cpu"], "%.0f MiB" % (f["peak"] / 2**20),
             "%.0f MiB" % (f["resident"] / 2**20)] for name, f in figures]
    text = (
        "%s lines, unsorted.\n\n%s\n\nStop and start with all of it: %.1f s to "
        "the first answer. %s.\n" % (
            format(args.lines, ","),
            markdown.table(["import", "first right answer", "command done",
                            "CPU of rbld", "peak of rbld", "resident after"],
                           rows), restart, markdown.machine()))
    print(text)
    for _, one in figures:
        print(one["out"][:400])
    worst = figures[0][1]
    print("first answer: %.1f s (limit %.0f): %s; peak: %.0f MiB (limit %.0f): "
          "%s" % (worst["answered"], LIMIT_SECONDS,
                  "met" if worst["answered"] <= LIMIT_SECONDS else "MISSED",
                  worst["peak"] / 2**20, LIMIT_BYTES / 2**20,
                  "met" if worst["peak"] <= LIMIT_BYTES else "MISSED"))
    if args.write:
        markdown.write_section("import10m", text)


if __name__ == "__main__":
    main()
