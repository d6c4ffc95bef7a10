"""Whatever thousands of hostile servers answer, only true relays are listed."""

import unittest

from tests.harness import namespace
from tests.harness import runner
from tests.relay import hostile_run
from tests.relay import lab

PEERS = 3000
RELAYS = 5


class HostileTest(unittest.TestCase):

    def test_only_true_relays_are_listed(self):
        if lab.why_not():
            self.skipTest(lab.why_not())
        summary = hostile_run.run(PEERS, seed=1, relays=RELAYS)
        print(summary)
        summary.check()
        # And it can fail: had these been no relays, it would have.
        self.assertEqual(len(summary.listed), RELAYS)
        summary.relays = set()
        with self.assertRaises(hostile_run.Broken):
            summary.check()


if __name__ == "__main__":
    namespace.enter()
    runner.main()
