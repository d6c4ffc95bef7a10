"""Acknowledged changes outlive kill -9; without syncing they would not."""

import unittest

from tests.crash import rounds
from tests.crash import verify
from tests.harness import runner

ROUNDS = 20
# Without syncing, nearly every round loses something.
ROUNDS_WITHOUT_SYNC = 10


class CrashTest(unittest.TestCase):

    def test_every_acknowledged_change_outlives_a_kill(self):
        summary = rounds.run(ROUNDS, seed=1)
        print(summary)
        # A run in which nothing happened would prove nothing.
        self.assertGreater(summary.acknowledged, ROUNDS * 5)
        self.assertGreater(summary.unanswered, ROUNDS)

    def test_without_syncing_changes_are_lost_and_this_test_sees_it(self):
        with self.assertRaises(verify.Lost) as caught:
            rounds.run(ROUNDS_WITHOUT_SYNC, seed=2, sync=False)
        print("found as it should be: %s" % caught.exception)


if __name__ == "__main__":
    runner.main()
