"""The long form of kill_test.

  bazel run -c opt //tests/relay:kill -- [--targets N] [--kills N] [--seed S]
                                         [--nosync]
"""

import argparse
import sys

from tests.harness import daemon
from tests.harness import namespace
from tests.relay import kill_rounds
from tests.relay import kill_verify
from tests.relay import lab

LONGEST_RUN = 3.5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nosync", action="store_true",
                        help="acknowledge before syncing: must fail")
    args = parser.parse_args()
    if lab.why_not():
        sys.exit(lab.why_not())
    with daemon.Scratch(mode=0o755) as scratch:
        lab.enter(scratch)
        try:
            facts, summary = kill_rounds.run(
                args.targets, args.kills, args.seed, LONGEST_RUN,
                sync=not args.nosync)
            print(summary)
            kill_verify.check_all(facts)
        except kill_verify.Broken as broken:
            print("BROKEN: %s" % broken)
            sys.exit(1)
    print("no verdict lost, none applied twice, manners kept")


if __name__ == "__main__":
    namespace.enter()
    main()
