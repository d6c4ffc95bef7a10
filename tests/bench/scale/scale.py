"""Speed and scale: rbld from ten thousand to a hundred million listings, beside
its peers and a bare echo, with every limit and whether it was reached.

  bazel run --config=opt //tests/bench:scale -- --write

Parts of it, and smaller:

  … -- --only cpu --sizes 10000,100000 --rounds 2

--json FILE keeps what was found, beside what FILE has of other parts and sizes;
--from FILE makes the tables and the plot anew of it. A figure that cannot be
taken says why.
"""

import argparse
import contextlib
import json
import os
import shutil
import tempfile
import time

from tests.bench import bench
from tests.bench import markdown
from tests.bench.scale import figures
from tests.bench.scale import found
from tests.bench.scale import kinds
from tests.bench.scale import plot
from tests.bench.scale import report
from tests.bench.scale import servers
from tests.bench.scale import sizes
from tests.bench.scale import workers

SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
PEERS = ("rbldnsd", "knot", "nsd")
PARTS = sizes.PARTS + ("import", "reasons", "kinds", "growth", "workers")
BYTES_A_LISTING_ON_DISK = 150  # feed, store and their changes, with room


def numbers(text):
    return [int(word.replace("_", "")) for word in text.split(",") if word]


def words(of):
    def parse(text):
        found = [word for word in text.split(",") if word]
        for word in found:
            if word not in of:
                raise argparse.ArgumentTypeError(
                    "%r is none of %s" % (word, ", ".join(of)))
        return found
    return parse


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--only", type=words(PARTS), default=list(PARTS), metavar="PART,…",
        help="of " + ", ".join(PARTS))
    add("--sizes", type=numbers, default=list(SIZES), metavar="N,…",
        help="numbers of listings")
    add("--peers", type=words(PEERS), default=list(PEERS), metavar="NAME,…",
        help="of " + ", ".join(PEERS))
    add("--rounds", type=int, default=5)
    add("--seconds", type=int, default=8, help="of a run in a round")
    add("--change_seconds", type=int, default=10,
        help="of a thousand changes a second, up to 100")
    add("--kinds_size", type=int, default=10_000_000)
    add("--reasons_size", type=int, default=1_000_000)
    add("--workers_size", type=int, default=1_000_000)
    add("--work", metavar="DIR",
        help="keeps the generated files; default: a temporary folder")
    add("--json", metavar="FILE",
        help="where what was found is kept, and what was found before")
    add("--from", dest="from_file", metavar="FILE",
        help="measure nothing; tables and plot of what FILE keeps")
    add("--write", action="store_true",
        help="refresh docs/BENCHMARKS.md and docs/growth.svg")
    args = parser.parse_args()
    if not 1 <= args.change_seconds <= 100 or args.rounds < 1 \
            or args.seconds < 1:
        parser.error("--rounds, --seconds and --change_seconds are from 1 on, "
                     "and the last one at most 100")
    # bazel run starts us in another folder than the caller's.
    for name in ("work", "json", "from_file"):
        path = getattr(args, name)
        if path:
            setattr(args, name, os.path.join(
                os.environ.get("BUILD_WORKING_DIRECTORY", ""), path))
    return args


def meta(args):
    return {
        "machine": markdown.machine(),
        "packages": {p: markdown.package_version(p) for p in PEERS},
        "rounds": args.rounds, "seconds": args.seconds,
        "change_seconds": args.change_seconds,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


@contextlib.contextmanager
def work_folder(path):
    """The given one, or one that is gone afterwards."""
    if path:
        os.makedirs(path, exist_ok=True)
        yield path
        return
    path = tempfile.mkdtemp(prefix="rbld-scale-", dir="/tmp")
    # rbldnsd reads its files as another user.
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def check_room(work, listings):
    free = shutil.disk_usage(work).free
    if free < listings * BYTES_A_LISTING_ON_DISK:
        raise servers.Missing("%d GB are free of about %d that it needs" % (
            free / 1e9, listings * BYTES_A_LISTING_ON_DISK / 1e9))


def import_command(rounds, write):
    """It has a section, limits, options and a command of its own, too."""
    bench.run(["tests/bench/import10m", "--rounds=%d" % rounds] +
              (["--write"] if write else []))
    return "its figures stand in its own section"


def one_size(work, size, parts, args):
    check_room(work, size)
    return sizes.measure(work, size, parts, args.peers, args)


def measure_all(args, keeper):
    parts = set(args.only)
    at_sizes = sizes.PARTS if "growth" in parts else \
        [p for p in sizes.PARTS if p in parts]
    with work_folder(args.work) as work:
        if at_sizes:
            of_sizes = keeper.results.setdefault("sizes", {})
            for size in args.sizes:
                keeper.take(str(size), lambda size=size: one_size(
                    work, size, at_sizes, args), sizes.FAILURES, of_sizes)
        if "reasons" in parts:
            keeper.take("reasons", lambda: kinds.measure_reasons(
                work, args.reasons_size, args), sizes.FAILURES)
        if "kinds" in parts:
            keeper.take("kinds", lambda: kinds.measure_kinds(
                work, args.kinds_size, args), sizes.FAILURES)
        if "workers" in parts:
            keeper.take("workers", lambda: workers.measure(
                work, args.workers_size, args), sizes.FAILURES)


def has_figures(results, part):
    if part in ("reasons", "kinds", "workers"):
        return part in results
    if part == "growth":
        return bool(results.get("sizes"))
    return bool(report.by_size(results, part))


def tell(results, parts, write):
    """Prints each section and its limits; refreshes the documents."""
    for part, (section, make) in report.SECTIONS.items():
        if part not in parts and not (
                part in sizes.PARTS and "growth" in parts):
            continue
        print("\n== %s ==\n" % part)
        if not has_figures(results, part):
            print("no figures")
            continue
        text, limits = make(results)
        if limits:
            text += "\n\n" + figures.limit_list(limits)
        print(text)
        if write:
            markdown.write_section(section, text)
    for name, why in results.get("missing", {}).items():
        print("\nNo figures of %s: %s" % (name, why))
    if write and has_figures(results, "growth") and "growth" in parts:
        markdown.write_file("growth.svg", plot.growth(results))


def main():
    args = parse_args()
    if args.from_file:
        with open(args.from_file, encoding="utf-8") as text:
            results = json.load(text)
    else:
        bench.check_machine()
        keeper = found.Keeper(args.json, meta(args))
        if "import" in args.only:
            keeper.take("import", lambda: import_command(args.rounds, args.write),
                        sizes.FAILURES)
        try:
            measure_all(args, keeper)
        finally:
            print("\nwhat was found is kept in %s" % keeper.path)
        results = keeper.results
    tell(results, args.only, args.write)


if __name__ == "__main__":
    main()
