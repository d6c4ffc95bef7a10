"""Relay tests outlive kill -9 of whoever makes them; without syncing they would
not. kill.py is the long form.
"""

import unittest

from tests.harness import daemon
from tests.harness import namespace
from tests.harness import runner
from tests.relay import kill_rounds
from tests.relay import kill_verify
from tests.relay import lab

TARGETS = 100
KILLS = 10
LONGEST_RUN = 1.5
# Without syncing, a single kill loses reports.
TARGETS_WITHOUT_SYNC = 20
KILLS_WITHOUT_SYNC = 5


class KillTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.skip = lab.why_not()
        if cls.skip is None:
            lab.enter(cls.enterClassContext(daemon.Scratch(mode=0o755)))

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    def test_no_verdict_is_lost_or_applied_twice_and_manners_are_kept(self):
        facts, summary = kill_rounds.run(TARGETS, KILLS, 1, LONGEST_RUN)
        print(summary)
        kill_verify.check_all(facts)
        # A run in which no kill hurt would prove nothing.
        self.assertGreater(summary.cut, 0)
        self.assertGreater(summary.again, 0)
        self.assertGreater(summary.sessions, TARGETS)

    def test_without_syncing_reports_are_lost_and_this_test_sees_it(self):
        with self.assertRaises(kill_verify.Broken) as caught:
            kill_rounds.run(TARGETS_WITHOUT_SYNC, KILLS_WITHOUT_SYNC, 2,
                            LONGEST_RUN, sync=False)
        print("found as it should be: %s" % caught.exception)


if __name__ == "__main__":
    namespace.enter()
    runner.main()
