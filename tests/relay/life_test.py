"""The whole life of a case on the default schedule: months by rbld's clock,
real servers, real tests."""

import datetime
import time
import unittest

from tests.harness import control
from tests.harness import daemon
from tests.harness import namespace
from tests.harness import runner
from tests.relay import exim
from tests.relay import lab
from tests.relay import postfix

HOUR = 3600
DAY = 86400
RETEST_DAYS = (1, 2, 4, 7, 14, 14)
JITTER = 0.2
TIMEOUT_SECONDS = 60


def _seconds(time_text):
    return datetime.datetime.fromisoformat(
        time_text.replace("Z", "+00:00")).timestamp()


class Case:
    """One address's case, and how its time goes by."""

    def __init__(self, the_lab, clock, server):
        self.lab = the_lab
        self.clock = clock
        self.server = server
        self.address = server.address

    def now(self):
        return time.time() + self.clock.seconds

    def get(self):
        return self.lab.case(self.address)

    def restart_as(self, kind):
        self.server.stop()
        self.server.configure(kind)
        self.server.start()

    def advance_to(self, time_text):
        # A second more: what is due then is due.
        ahead = _seconds(time_text) - self.now() + 1
        if ahead > 0:
            self.clock.advance(int(ahead) + 1)

    def until(self, what, condition):
        """Real time goes by, and rbld's to whatever is planned next."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            case = self.get()
            if condition(case):
                return case
            if case["lease"] is None:
                test = case["test"] or {}
                for planned in (case["next_session"], test.get("deadline"),
                                case["delist_at"]):
                    if planned:
                        self.advance_to(planned)
                        break
            time.sleep(0.1)
        raise AssertionError("%s: %s does not come: %s\n%s" % (
            self.address, what, self.get(), self.lab.relayd.log()))

    def tests_ended(self):
        """(time, verdict, what followed) of each test that has ended."""
        return [(_seconds(piece["time"]), piece["what"], piece["text"])
                for piece in self.lab.evidence(self.address)
                if piece["kind"] == "verdict"]


class LifeTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.skip = lab.why_not(exim.PROGRAM, "postfix", "dig")
        if cls.skip:
            return
        cls.scratch = cls.enterClassContext(daemon.Scratch(mode=0o755))
        lab.enter(cls.scratch, exim.accounts(cls.scratch))
        cls.clock = lab.FakeClock(cls.scratch)
        cls.lab = cls.enterClassContext(lab.Lab(
            cls.scratch, clock=cls.clock, defaults=True))

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    def case(self, server):
        server.start()
        self.addCleanup(server.stop)
        return Case(self.lab, self.clock, server)

    def assert_dig(self, case, listed):
        self.assertEqual(self.lab.dig(case.address),
                         "127.0.0.2" if listed else "")

    def list(self, case, times):
        """Reports an open server until dig shows it."""
        self.assertEqual(self.lab.report(case.address)["outcome"],
                         "test planned")
        case.until("the listing", lambda now: now["listed"])
        self.assert_dig(case, True)
        returned = max(
            _seconds(piece["time"])
            for piece in self.lab.evidence(case.address)
            if piece["kind"] == "message")
        print("%s: dig shows it %.1f s or less after the token's return"
              % (case.address, case.now() - returned))
        now = case.until("the session's end", lambda now: not now["lease"])
        self.assertEqual(now["verdict"], "open")
        self.assertEqual(now["times_listed"], times)
        return now

    def assert_interval(self, case, days):
        """The next re-test is so many days after the last test, ± 20 %."""
        now = case.until("a plan", lambda now: now["next_session"] and
                         not now["lease"])
        planned = (_seconds(now["next_session"]) -
                   _seconds(now["last_tested"])) / DAY
        self.assertGreaterEqual(planned, days * (1 - JITTER) - 0.01)
        self.assertLessEqual(planned, days * (1 + JITTER) + 0.01)
        return now

    def retest_open(self, case, days):
        before = self.assert_interval(case, days)
        case.advance_to(before["next_session"])
        case.until("a re-test", lambda now:
                   now["retests"] == before["retests"] + 1)
        self.assert_dig(case, True)

    def test_listed_retested_fixed_and_listed_again(self):
        case = self.case(exim.Exim(self.scratch, "percent", "198.19.0.1"))
        self.list(case, 1)
        for days in RETEST_DAYS:
            self.retest_open(case, days)

        # Fixed: off after exactly two clean tests, a day or more apart.
        case.restart_as("noisy")
        tests = len(case.tests_ended())
        first = case.until("the first clean test",
                           lambda now: now["first_clean"])
        self.assert_dig(case, True)
        self.assertEqual(first["verdict"], "accepted")
        now = case.until("the removal", lambda now: not now["listed"])
        self.assert_dig(case, False)
        ended = case.tests_ended()[tests:]
        self.assertEqual([verdict for _, verdict, _ in ended],
                         ["accepted", "accepted"])
        self.assertGreaterEqual(ended[1][0] - ended[0][0], DAY)
        self.assertIn("two clean tests", ended[1][2])
        for test in (first["last_test"], now["last_test"]):
            sessions = [piece["text"] for piece in
                        self.lab.evidence(case.address)
                        if piece["kind"] == "session" and
                        piece["test"] == test]
            # The form that listed it comes first.
            self.assertRegex(sessions[0].split("RCPT TO")[1], "%")
        self.assertIsNone(now["next_session"])

        # Reopened: listed again, and the intervals double, up to four times.
        for times, factor in ((2, 2), (3, 4), (4, 4)):
            case.restart_as("percent")
            self.clock.advance(DAY)
            self.list(case, times)
            self.retest_open(case, RETEST_DAYS[0] * factor)
            self.assert_interval(case, RETEST_DAYS[1] * factor)
            case.restart_as("closed")
            case.until("the removal", lambda now: not now["listed"])
            self.assert_dig(case, False)

    def test_the_owner_asks(self):
        case = self.case(postfix.Postfix(self.scratch, "local-sender",
                                         "198.19.1.1"))
        self.list(case, 1)
        gap = 6 * HOUR
        # It is open still: each request that fails doubles the wait.
        for _ in range(3):
            now = self.recheck(case)
            self.assertAlmostEqual(
                _seconds(now["next_owner_request"]) - case.now(), gap,
                delta=30)
            gap *= 2
            with self.assertRaises(control.ApiError) as caught:
                self.recheck(case)
            self.assertEqual(caught.exception.status, 429)
            now = case.until(
                "the owner's test", lambda then:
                then["failed_owner_requests"] ==
                now["failed_owner_requests"] + 1)
            self.assertTrue(now["listed"])
            case.advance_to(now["next_owner_request"])

        # Fixed: one clean test, and an hour for late mail.
        case.restart_as("closed")
        tests = len(case.tests_ended())
        self.recheck(case)
        now = case.until("a clean test", lambda now: now["delist_at"])
        self.assert_dig(case, True)
        self.assertEqual(_seconds(now["delist_at"]) -
                         _seconds(now["last_tested"]), HOUR)
        now = case.until("the removal", lambda now: not now["listed"])
        self.assert_dig(case, False)
        ended = case.tests_ended()[tests:]
        self.assertEqual([verdict for _, verdict, _ in ended if verdict],
                         ["closed"])

        # Looked at again after 1, 7 and 30 days, and open at the last.
        removed = _seconds(now["delisted"])
        for days in (1, 7):
            now = case.until("a plan", lambda now: now["next_session"])
            self.assertEqual(now["next_reason"], "follow-up")
            self.assertEqual(_seconds(now["next_session"]) - removed,
                             days * DAY)
            before = now["last_tested"]
            now = case.until("a follow-up", lambda now:
                             now["last_tested"] != before)
            self.assertEqual(now["verdict"], "closed")
        case.restart_as("local-sender")
        now = case.until("the last follow-up", lambda now: now["listed"])
        self.assertGreaterEqual(_seconds(now["listed_since"]) - removed,
                                30 * DAY)
        self.assert_dig(case, True)
        self.assertEqual(now["times_listed"], 2)
        self.retest_open(case, 2)

    def recheck(self, case):
        return self.lab.api.request("POST", "/v1/relay/rechecks",
                                    {"target": case.address})["case"]


if __name__ == "__main__":
    namespace.enter()
    runner.main()
