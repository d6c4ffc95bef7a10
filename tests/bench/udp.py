"""CPU time per UDP query: rbld, Debian's rbldnsd and a bare echo, interleaved.

  bazel run -c opt //tests/bench:udp -- [--rounds N] [--seconds S] [--write]

Each server has one core and dnsperf the other. In every round each of them is
asked the same names; a ratio is taken inside a round, so that what slows the
machine for a while slows both sides of it.
"""

import argparse
import sys

from tests.bench import bench
from tests.bench import markdown

LIMIT_USER_MICROSECONDS = 0.8
LIMIT_RATIO_TO_ECHO = 1.15


def measure(servers, query_file, rounds, seconds):
    """{name: [DnsperfRun, …]} with one run for each round."""
    runs = {name: [] for name in servers}
    for one in range(rounds):
        # Another order in each round: none always follows the same one.
        names = list(servers)
        names = names[one % len(names):] + names[:one % len(names)]
        for name in names:
            pid, port, listed_share = servers[name]
            run = bench.dnsperf(port, query_file, seconds, pid=pid)
            bench.check_answers(name, run, listed_share)
            runs[name].append(run)
            print("round %d  %-14s user %.3f µs  total %.3f µs  %.0f q/s  "
                  "lost %d  %s" % (one + 1, name, run.user_microseconds,
                                   run.total_microseconds, run.per_second,
                                   run.lost, run.rcodes), flush=True)
    return runs


def batch_counts(rbld):
    """(queries, batches) so far; the bigger the batches, the cheaper each
    query's share of a system call."""
    totals = rbld.ctl_json("stats")["queries"]["totals"]
    return totals["udp_queries"], totals["udp_batches"]


def report(runs, listings, names, args):
    rows = []
    for name, of_one in runs.items():
        ratios = [mine.total_microseconds / echo.total_microseconds
                  for mine, echo in zip(of_one, runs["echo"])]
        rows.append([
            name,
            "%.2f" % bench.median([r.user_microseconds for r in of_one]),
            "%.2f" % bench.median([r.total_microseconds - r.user_microseconds
                                   for r in of_one]),
            "%.2f" % bench.median([r.total_microseconds for r in of_one]),
            "%.3f" % bench.median(ratios),
            "%.3f to %.3f" % (min(ratios), max(ratios)),
            "%d k" % (bench.median([r.per_second for r in of_one]) / 1000),
            "%.4f %%" % (max(r.loss for r in of_one) * 100),
        ])
    text = markdown.table(
        ["server", "user µs", "kernel µs", "total µs", "÷ echo", "range",
         "q/s", "worst loss"], rows)
    return (
        "%s random IPv4 listings, %s distinct names (30 %% listed, 10 %% TXT; "
        "shares checked), %d rounds of %d s, medians; ÷ echo is the median of "
        "the rounds' own ratios of total CPU time.\n\n%s\n\n%s.\n" % (
            format(listings, ","), format(names, ","), args.rounds,
            args.seconds, text, markdown.machine("rbldnsd", "dnsperf")))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--listings", type=int, default=1_000_000)
    parser.add_argument("--names", type=int, default=3_000_000)
    parser.add_argument("--rbldnsd_kind", default="ip4set")
    parser.add_argument("--write", action="store_true",
                        help="refresh the table in docs/BENCHMARKS.md")
    parser.add_argument("--check", action="store_true",
                        help="exit 1 when a limit is missed")
    args = parser.parse_args()
    bench.check_machine()
    with bench.three_servers(args.listings, args.names,
                             args.rbldnsd_kind) as (queries, servers, rbld):
        before = batch_counts(rbld)
        runs = measure(servers, queries, args.rounds, args.seconds)
        after = batch_counts(rbld)
    print("rbld had %.1f queries in a batch" % (
        (after[0] - before[0]) / max(1, after[1] - before[1])))
    text = report(runs, args.listings, args.names, args)
    print("\n" + text)
    user = bench.median([r.user_microseconds for r in runs["rbld"]])
    ratio = bench.median([m.total_microseconds / e.total_microseconds
                          for m, e in zip(runs["rbld"], runs["echo"])])
    for what, value, limit in (
            ("user µs per query", user, LIMIT_USER_MICROSECONDS),
            ("total CPU ÷ echo", ratio, LIMIT_RATIO_TO_ECHO)):
        print("%s: %.3f (limit %.2f): %s" % (
            what, value, limit, "met" if value <= limit else "MISSED"))
    if args.write:
        markdown.write_section("udp", text)
    if args.check and (user > LIMIT_USER_MICROSECONDS
                       or ratio > LIMIT_RATIO_TO_ECHO):
        sys.exit(1)


if __name__ == "__main__":
    main()
