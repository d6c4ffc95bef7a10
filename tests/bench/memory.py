"""Memory of the index: rbld with no listing and with a million.

  bazel run -c opt //tests/bench:memory -- [--listings N] [--write]

The daemon is started anew on each store, so that what an import needed for a
while does not count, and asked for every kind of answer before it is measured.
Resident memory counts mapped pages too.
"""

import argparse
import time

from tests.bench import bench
from tests.bench import markdown
from tests.harness import daemon
from tests.harness import process_stats

LIMIT_BYTES_PER_LISTING = 8.0
SETTLE_SECONDS = 2.0


def touch(rbld, feed_path, count=200_000):
    """Asks for much of the feed, so that every page that answers is there."""
    with open(feed_path) as lines:
        addresses = [line.strip() for line, _ in zip(lines, range(count))]
    asker = daemon.dns_client.ManyAsker(rbld.server)
    step = max(1, len(addresses) // 20_000)
    for _ in asker.ask_all(bench.address_name(a) for a in addresses[::step]):
        pass
    asker.close()


def measure(rbld, feed_path):
    rbld.start()
    touch(rbld, feed_path)
    time.sleep(SETTLE_SECONDS)
    memory = process_stats.memory_bytes(rbld.program.pid)
    rbld.stop()
    return memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listings", type=int, default=1_000_000)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    rows = []
    with daemon.Scratch() as scratch:
        feed = bench.feed(scratch.join("feed"), args.listings)
        rbld = bench.bench_rbld(scratch)
        empty = measure(rbld, feed)
        rbld.start()
        bench.import_feed(rbld, feed)
        after_import = process_stats.memory_bytes(rbld.program.pid)
        rbld.stop()
        full = measure(rbld, feed)
    for name, memory in (("empty store", empty),
                         ("%s listings" % format(args.listings, ","), full),
                         ("the same, right after the import", after_import)):
        rows.append([name] + ["%.1f MiB" % (memory[k] / 2**20) for k in
                              ("VmRSS", "RssAnon", "RssFile", "VmHWM")]
                    + ["" if memory is empty else "%.2f" % (
                        (memory["VmRSS"] - empty["VmRSS"]) / args.listings)])
    each = (full["VmRSS"] - empty["VmRSS"]) / args.listings
    text = "%s\n\n%s.\n" % (
        markdown.table(["rbld with", "resident", "anonymous", "mapped files",
                        "peak", "bytes a listing"], rows),
        markdown.machine())
    print(text)
    print("bytes a listing: %.2f (limit %.0f): %s" % (
        each, LIMIT_BYTES_PER_LISTING,
        "met" if each <= LIMIT_BYTES_PER_LISTING else "MISSED"))
    if args.write:
        markdown.write_section("memory", text)


if __name__ == "__main__":
    main()
