"""The long form of hostile_test.

  bazel run -c opt //tests/relay:hostile -- [--peers N] [--seed S] [--relays R]
"""

import argparse
import sys

from tests.harness import namespace
from tests.relay import hostile_run
from tests.relay import lab


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--relays", type=int, default=20)
    args = parser.parse_args()
    if lab.why_not():
        sys.exit(lab.why_not())
    summary = hostile_run.run(args.peers, args.seed, args.relays,
                              say=lambda line: print(line, flush=True))
    print(summary)
    try:
        summary.check()
    except hostile_run.Broken as broken:
        print("BROKEN: %s" % broken)
        sys.exit(1)


if __name__ == "__main__":
    namespace.enter()
    main()
