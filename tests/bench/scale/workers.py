"""Two workers on two cores against one on one, and whether a lock shows.

This machine has two cores: with two workers the clients share both with them,
so that what counts is what a second of the server's CPU time gets done, and not
how many queries a second there were. While a client runs, queries gather, and
bigger batches cost less each; so one worker is measured once more with a client
on its own core, and two are compared with each of them. Two workers are
measured with server.cpu_affinity and a client on each core, as a network card
that spreads what comes would have it, and without, and one client that the
kernel moves between the cores.
"""

import concurrent.futures
import contextlib
import os
import re
import signal
import subprocess
import time

from tests.bench import bench
from tests.bench import load
from tests.bench.scale import data
from tests.bench.scale import figures
from tests.bench.scale import servers
from tests.harness import daemon
from tests.harness import process_stats

PARTS = (0.50, 0.80)
OUTSTANDING = 100
WATCH_SECONDS = 5


def worker_threads(server):
    return process_stats.thread_ids(server.pid, "rbld-worker")


def asked(server, cpus, queries, seconds, rate=0):
    """One run with a client on each of `cpus`; what the workers did in it.

    `rate` is that of all clients together; of the latencies of several clients
    each is the longest.
    """
    threads = worker_threads(server)
    before = [process_stats.thread_seconds(server.pid, t) for t in threads]

    def ask(cpu):
        # The client naps, that it may share a core with what it asks.
        return load.run(server.port, queries, seconds, rate=rate // len(cpus),
                        cpu=cpu, outstanding=OUTSTANDING,
                        nap_us=load.CLOSED_NAP_MICROSECONDS)

    with bench.ServerTime(server.pid) as spent, \
            concurrent.futures.ThreadPoolExecutor(len(cpus)) as clients:
        runs = list(clients.map(ask, cpus))
    after = [process_stats.thread_seconds(server.pid, t) for t in threads]
    for run in runs:
        bench.check_answers(server.name, run, server.listed_share, max_loss=1.0)
    completed = sum(run.completed for run in runs)
    took = max(run.seconds for run in runs)
    return {
        "per_second": sum(run.per_second for run in runs),
        "total": spent.total_seconds / max(1, completed) * 1e6,
        "user": spent.user_seconds / max(1, completed) * 1e6,
        "loss": sum(run.lost for run in runs) /
        max(1, sum(run.sent for run in runs)),
        "per_cpu_second": completed / max(1e-9, spent.total_seconds),
        "busy": spent.total_seconds / took,
        "waited": spent.wait_seconds / took,
        "each": [b - a for a, b in zip(before, after)],
        **{key: max(run.latency[key] for run in runs)
           for key in ("p50", "p99", "p99_9")},
    }


def show(name, what, got):
    print("  %-7s %-5s %7.0f q/s  %.3f µs a query  p50 %.0f  p99 %.0f  p99.9 "
          "%.0f µs  lost %.4f %%  each worker %s s" % (
              name, what, got["per_second"], got["total"], got["p50"],
              got["p99"], got["p99_9"], got["loss"] * 100,
              " ".join("%.2f" % s for s in got["each"])), flush=True)


def traced_futexes(server, threads, seconds):
    """How many futex calls the workers make in `seconds`, by strace.

    Returns (count, None) or (None, why not).
    """
    strace = daemon.find_program("strace")
    if not strace:
        return None, "strace is not installed"
    out = server.scratch.join("strace")
    # Without -f: that would watch the other threads as well.
    argv = ["timeout", "--signal=INT", str(seconds), strace, "-c",
            "-e", "trace=futex", "-o", out]
    for thread in threads:
        argv += ["-p", str(thread)]
    done = subprocess.run(argv, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, encoding="utf-8",
                          errors="replace")
    if not os.path.exists(out) or "ptrace(" in done.stderr:
        return None, " ".join(done.stderr.split())[:200] or \
            "strace wrote nothing"
    with open(out) as text:
        return futex_calls(text.read()), None


def futex_calls(summary):
    """The number of calls in what strace -c wrote."""
    match = re.search(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?futex$",
                      summary, re.MULTILINE)
    return int(match.group(1)) if match else 0


def watched(server, cpus, queries):
    """Futex calls and voluntary sleeps of the workers under full load."""
    threads = worker_threads(server)
    argv = [daemon.runfile("tests/bench/dnsload"), "--port=%d" % server.port,
            "--queries=" + queries, "--seconds=%d" % (WATCH_SECONDS * 3 + 10),
            "--nap_us=%d" % load.CLOSED_NAP_MICROSECONDS,
            "--outstanding=%d" % OUTSTANDING]
    with contextlib.ExitStack() as clients:
        for cpu in cpus:
            program = clients.enter_context(daemon.Program(
                argv, server.scratch.join("watched-%s.log" % cpu), cpu=cpu))
        before = process_stats.task_seconds(server.pid)
        daemon.wait_until(
            "queries", lambda: process_stats.task_seconds(server.pid) >
            before + 0.1, program)

        def now():
            totals = server.rbld.ctl_json("stats")["queries"]["totals"]
            return (totals["udp_queries"],
                    sum(process_stats.thread_switches(server.pid, t)
                        for t in threads))

        first = now()
        time.sleep(WATCH_SECONDS)
        second = now()
        futexes, why = traced_futexes(server, threads, WATCH_SECONDS)
        third = now()
    return {"queries": second[0] - first[0], "sleeps": second[1] - first[1],
            "futexes": futexes, "why_not": why,
            "traced_queries": third[0] - second[0]}


def measure_rounds(runs, queries, args):
    """Of {name: (server, the clients' cores)}: {name: {"most", "parts"}}."""
    found = {name: {"most": [], "parts": {}} for name in runs}
    for one in range(args.rounds):
        for name in figures.rotated(runs, one):
            got = asked(*runs[name], queries, args.seconds)
            found[name]["most"].append(got)
            show(name, "most", got)
    for one in range(args.rounds):
        for name in figures.rotated(("one", "two", "own"), one):
            most = figures.median([g["per_second"]
                                   for g in found[name]["most"]])
            for part in PARTS:
                got = asked(*runs[name], queries, args.seconds,
                            rate=int(most * part))
                found[name]["parts"].setdefault(
                    "%.0f" % (part * 100), []).append(got)
                show(name, "%.0f %%" % (part * 100), got)
    return found


def measure(work, size, args):
    """{"one", "shared", "two", "own"}: {"most": […], "parts": {…},
    "watched"}."""
    print("workers, %d listings" % size, flush=True)
    files = data.Files(work, size)
    with contextlib.ExitStack() as ends:
        def started(workers, cpu, server_keys=""):
            scratch = ends.enter_context(daemon.Scratch(mode=0o755))
            server = servers.Rbld(scratch, files, cpu=cpu, workers=workers,
                                  server_keys=server_keys)
            ends.callback(server.end, signal.SIGKILL)
            server.prepare()
            return server.start()

        one, two = started(1, bench.SERVER_CPU), started(2, None)
        own = started(2, None, "cpu_affinity = true")
        runs = {"one": (one, [bench.CLIENT_CPU]),
                "shared": (one, [bench.SERVER_CPU]), "two": (two, [None]),
                "own": (own, [bench.CLIENT_CPU, bench.SERVER_CPU])}
        queries = files.queries()
        found = measure_rounds(runs, queries, args)
        for name in ("one", "two", "own"):
            found[name]["watched"] = watched(*runs[name], queries)
            print("  %s: %s" % (name, found[name]["watched"]), flush=True)
    return dict(found, size=size)
