"""Latency and loss over UDP below the maximum: rbld, rbldnsd and a bare echo.

  bazel run --config=opt //tests/bench:latency -- [--rounds N] [--write]

Each server has one core and dnsload the other. First each is asked as fast as
it answers; then queries come by a schedule, at parts of that rate, and each
latency counts from the time in the schedule.
"""

import argparse
import resource

from tests.bench import bench
from tests.bench import load
from tests.bench import markdown

PARTS = (0.50, 0.80)
# As many as dnsperf has; rbldnsd's socket buffer holds few more.
OUTSTANDING = 100
# Nearly a core: then the client was the slower side, and not the server.
BUSY = 0.95
# Of the time; more of it, and latencies are those of other work.
QUIET = 0.05


def rotated(names, by):
    """Another order in each round: none always follows the same one."""
    names = list(names)
    return names[by % len(names):] + names[:by % len(names)]


def asked(servers, name, queries, seconds, what, **kwargs):
    """One run of dnsload; its answers must be right, and may be too few."""
    pid, port, listed_share = servers[name]
    run = load.run(port, queries, seconds, pid=pid, **kwargs)
    bench.check_answers(name, run, listed_share, max_loss=1.0)
    print("%-12s %-8s %7.0f q/s  p50 %.0f  p99 %.0f  p99.9 %.0f µs  lost %d  "
          "server %.2f µs, client %.2f µs a query, late by %.0f µs (99 %%)%s"
          % (what, name, run.per_second, run.latency["p50"],
             run.latency["p99"], run.latency["p99_9"], run.lost,
             run.total_microseconds, run.client_microseconds,
             run.send_delay["p99"],
             "  DROPPED BY THE CLIENT: %d" % run.client_drops
             if run.client_drops else ""), flush=True)
    return run


def measure_most(servers, queries, rounds, seconds):
    """{name: [LoadRun, …]}, each as fast as the server answers."""
    runs = {name: [] for name in servers}
    for one in range(rounds):
        for name in rotated(servers, one):
            runs[name].append(asked(servers, name, queries, seconds, "most",
                                    outstanding=OUTSTANDING))
    return runs


def measure_parts(servers, queries, rounds, seconds, most):
    """{(name, part): [LoadRun, …]} at parts of {name: q/s}."""
    runs = {(name, part): [] for name in servers for part in PARTS}
    for one in range(rounds):
        for name, part in rotated(runs, one):
            runs[name, part].append(
                asked(servers, name, queries, seconds, "%.0f %%" % (part * 100),
                      rate=int(most[name] * part)))
    return runs


class ClientRun:
    """What a load generator got out of the echo, and its own CPU time."""

    def __init__(self, per_second, user, system):
        self.per_second = per_second
        self.user = user
        self.system = system


def dnsperf_run(port, queries, seconds):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = bench.dnsperf(port, queries, seconds)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ClientRun(run.per_second,
                     (after.ru_utime - before.ru_utime) / run.sent * 1e6,
                     (after.ru_stime - before.ru_stime) / run.sent * 1e6)


def dnsload_run(port, queries, seconds):
    run = load.run(port, queries, seconds, outstanding=OUTSTANDING)
    return ClientRun(run.per_second, run.client_user_microseconds,
                     run.client_system_microseconds)


def measure_clients(port, queries, rounds, seconds):
    """{client: [ClientRun, …]}"""
    clients = {
        "dnsload": lambda: dnsload_run(port, queries, seconds),
        "dnsperf": lambda: dnsperf_run(port, queries, seconds),
    }
    runs = {name: [] for name in clients}
    for one in range(rounds):
        for name in rotated(clients, one):
            run = clients[name]()
            runs[name].append(run)
            print("%-8s %7.0f q/s  user %.2f + system %.2f µs a query"
                  % (name, run.per_second, run.user, run.system), flush=True)
    return runs


def row(name, load_name, runs):
    def middle(value):
        return bench.median([value(r) for r in runs])
    lost = sum(r.lost for r in runs) / max(1, sum(r.sent for r in runs))
    return [
        name, load_name,
        "%d k" % (middle(lambda r: r.per_second) / 1000),
        *("%.0f µs" % middle(lambda r, k=k: r.latency[k])
          for k in ("p50", "p99", "p99_9")),
        "%.4f %%" % (lost * 100),
        "%.0f %%" % (middle(lambda r: r.total_seconds / r.seconds) * 100),
        "%.0f %%" % (middle(lambda r: r.wait_seconds / r.seconds) * 100),
        "%.0f µs" % middle(lambda r: r.send_delay["p99"]),
    ]


def report(args, most_runs, part_runs, client_runs):
    rows = []
    for name, of_one in most_runs.items():
        rows.append(row(name, "most", of_one)[:-1] + [""])
        for part in PARTS:
            rows.append(row(name, "%.0f %%" % (part * 100),
                            part_runs[name, part]))
    servers = markdown.table(
        ["server", "load", "q/s", "p50", "p99", "p99.9", "lost",
         "its CPU", "waited", "late by (99 %)"], rows)
    clients = markdown.table(
        ["client", "q/s", "user µs", "kernel µs", "total µs"],
        [[name, "%d k" % (bench.median([r.per_second for r in runs]) / 1000),
          "%.2f" % bench.median([r.user for r in runs]),
          "%.2f" % bench.median([r.system for r in runs]),
          "%.2f" % bench.median([r.user + r.system for r in runs])]
         for name, runs in client_runs.items()])
    waited = max(bench.median([r.wait_seconds / r.seconds for r in of_one])
                 for runs in (most_runs, part_runs)
                 for of_one in runs.values())
    machine = markdown.machine("rbldnsd", "dnsperf")
    if waited > QUIET:
        machine += "; not a quiet machine: others had the servers' core for " \
            "up to %.0f %% of the time, which makes the latencies and losses " \
            "theirs" % (waited * 100)
    return (
        "%s random IPv4 listings, %s distinct names (30 %% listed, 10 %% TXT; "
        "shares checked), rbld with one worker, %d rounds of %d s, medians. "
        "*Most*: %d queries wait at once; the other loads are parts of it, for "
        "each server of its own. *Waited*: how long the server could have run "
        "while others had its core. *Late by*: how long after its time a query "
        "left the client; the latencies have that in them.\n\n%s\n\n"
        "CPU time of the clients themselves, each asking the echo as fast as "
        "it answers:\n\n%s\n\n%s.\n" % (
            format(args.listings, ","), format(args.names, ","), args.rounds,
            args.seconds, OUTSTANDING, servers, clients,
            machine))


def warn_of_slow_client(most_runs):
    for name, runs in most_runs.items():
        busy = bench.median([r.client_microseconds * r.sent / r.seconds / 1e6
                             for r in runs])
        if busy > BUSY:
            print("dnsload itself took %.0f %% of its core: %s may answer more "
                  "than it was asked" % (busy * 100, name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--listings", type=int, default=1_000_000)
    parser.add_argument("--names", type=int, default=3_000_000)
    parser.add_argument("--write", action="store_true",
                        help="refresh the table in docs/BENCHMARKS.md")
    args = parser.parse_args()
    bench.check_machine()
    with bench.three_servers(args.listings, args.names) as (queries, servers,
                                                            _):
        most_runs = measure_most(servers, queries, args.rounds, args.seconds)
        most = {name: bench.median([r.per_second for r in runs])
                for name, runs in most_runs.items()}
        part_runs = measure_parts(servers, queries, args.rounds, args.seconds,
                                  most)
        client_runs = measure_clients(servers["echo"][1], queries, args.rounds,
                                      args.seconds)
    text = report(args, most_runs, part_runs, client_runs)
    print("\n" + text)
    warn_of_slow_client(most_runs)
    if args.write:
        markdown.write_section("latency", text)


if __name__ == "__main__":
    main()
