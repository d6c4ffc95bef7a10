"""The long form of crash_test.

  bazel run -c opt //tests/crash:full -- [--rounds N] [--seed S] [--nosync]
"""

import argparse
import sys

from tests.crash import rounds
from tests.crash import verify


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nosync", action="store_true",
                        help="acknowledge before syncing: must fail")
    args = parser.parse_args()
    try:
        summary = rounds.run(args.rounds, args.seed, sync=not args.nosync)
    except verify.Broken as broken:
        print("BROKEN: %s" % broken)
        sys.exit(1)
    print(summary)


if __name__ == "__main__":
    main()
