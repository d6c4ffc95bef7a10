"""What the kill tests look for, they find: facts that are right, and each with
one thing wrong."""

import base64
import copy
import unittest

from tests.harness import runner
from tests.relay import kill_verify

OPEN = "198.19.0.1"
CLOSED = "198.19.0.2"
BOUNCE = "198.19.1.1"
BEGIN = 1000.0
TIME = "2027-01-15T08:%02d:00Z"


def token(test, kind=0, form=0):
    held = test.to_bytes(6, "big") + bytes([kind << 7 | form]) + bytes(13)
    return base64.b32encode(held).decode().lower()


def connection(address, start, *recipients, taken=()):
    return {"address": address, "start": BEGIN + start,
            "end": BEGIN + start + 1, "recipients": list(recipients),
            "taken": list(taken)}


def session(test, *recipients, what="done"):
    return {"kind": "session", "test": test, "what": what, "time": TIME % 1,
            "text": "    0.001 * connected\n" + "".join(
                "    0.002 > RCPT TO:%s\n" % one for one in recipients)}


def verdict(test, what, text, minute=30):
    return {"kind": "verdict", "test": test, "what": what, "text": text,
            "time": TIME % minute}


def mail(address, text, kind="message"):
    return {"kind": kind, "address": address, "token": text, "tries": 1,
            "outcome": "taken", "unsure": False}


def came(test, text, kind="message", minute=2):
    return {"kind": kind, "test": test, "what": "plain", "time": TIME % minute,
            "text": "Received: x\nTo: %s@t.rbld.test\n" % text}


def case(address, word, listed=False):
    return {"target": address, "verdict": word, "listed": listed, "test": None,
            "lease": None, "next_session": TIME % 59 if listed else None,
            "times_listed": int(listed), "retests": 0, "reports": 1}


def right():
    facts = kill_verify.Facts(
        {OPEN: "open", CLOSED: "closed", BOUNCE: "bounce"},
        kill_verify.Manners(gap_slack=10, window_slack=100))
    facts.reports.update(list(facts.kinds))
    facts.connections = [
        # Cut, so that nothing is known of it.
        connection(OPEN, 0, "<%s@t>" % token(1), taken=[token(1)]),
        connection(OPEN, 2000, "<%s@t>" % token(1), taken=[token(1)]),
        connection(CLOSED, 100, "a", "b"),
        connection(CLOSED, 800, "c"),
        connection(BOUNCE, 0, "d", taken=[token(3)]),
    ]
    facts.cut_leases = {(OPEN, 1, 1)}
    facts.deaths = [BEGIN + 0.9, BEGIN + 5000]
    facts.away = [(BEGIN + 2, BEGIN + 4)]
    facts.mail = [mail(OPEN, token(1)), mail(BOUNCE, token(3, 1), "bounce")]
    facts.evidence = {
        OPEN: [session(1, "<%s@t>" % token(1)), came(1, token(1)),
               verdict(1, "open", "listed: relayed a test message: plain")],
        CLOSED: [session(2, "a", "b"), session(2, "c"),
                 verdict(2, "closed", "stays off the list")],
        BOUNCE: [session(3, "d"), came(3, token(3, 1), "bounce"),
                 verdict(3, "bounced", "stays off the list")],
    }
    facts.cases = {OPEN: case(OPEN, "open", True),
                   CLOSED: case(CLOSED, "closed"),
                   BOUNCE: case(BOUNCE, "bounced")}
    facts.history = {OPEN: [{"kind": "add"}]}
    facts.listed = {OPEN}
    facts.in_dns = {OPEN}
    return facts


class KillVerifyTest(unittest.TestCase):

    def found(self, doctor):
        facts = right()
        doctor(facts)
        return "\n".join(kill_verify.problems(facts))

    def test_nothing_is_wrong_with_what_is_right(self):
        self.assertEqual(kill_verify.problems(right()), [])
        kill_verify.check_all(right())

    def test_a_lost_or_wrong_verdict_is_found(self):
        def lose(facts):
            del facts.cases[CLOSED]
        self.assertIn("has no case", self.found(lose))

        def unfinished(facts):
            facts.cases[CLOSED]["next_session"] = TIME % 40
        self.assertIn("over False", self.found(unfinished))

        def wrong(facts):
            facts.cases[CLOSED]["verdict"] = "inconclusive"
        self.assertIn("verdict inconclusive, not closed", self.found(wrong))

        def without_its_bounce(facts):
            facts.cases[BOUNCE]["verdict"] = "accepted"
        self.assertIn("verdict accepted, not bounced",
                      self.found(without_its_bounce))

    def test_a_bounce_after_the_verdict_has_no_part_in_it(self):
        facts = right()
        facts.cases[BOUNCE]["verdict"] = "accepted"
        facts.evidence[BOUNCE][1] = came(3, token(3, 1), "bounce", minute=45)
        self.assertEqual(kill_verify.problems(facts), [])

    def test_a_listing_that_is_not_everywhere_is_found(self):
        self.assertIn("in DNS False",
                      self.found(lambda facts: facts.in_dns.clear()))
        self.assertIn("on the list False",
                      self.found(lambda facts: facts.listed.clear()))
        self.assertIn("in DNS True",
                      self.found(lambda facts: facts.in_dns.add(CLOSED)))
        self.assertIn("nobody reported it",
                      self.found(lambda facts: facts.listed.add("198.19.9.9")))

    def test_what_is_applied_twice_is_found(self):
        self.assertIn("changes are ['add', 'add']", self.found(
            lambda facts: facts.history[OPEN].append({"kind": "add"})))
        self.assertIn("times_listed 2", self.found(
            lambda facts: facts.cases[OPEN].update(times_listed=2)))
        self.assertIn("listed by the evidence", self.found(
            lambda facts: facts.evidence[OPEN].append(
                verdict(1, "open", "listed: again"))))
        self.assertIn("kept once more than made", self.found(
            lambda facts: facts.evidence[CLOSED].append(session(2, "c"))))
        self.assertIn("is kept 2 times", self.found(
            lambda facts: facts.evidence[OPEN].append(came(1, token(1)))))
        self.assertIn("2 reports counted, 1 made", self.found(
            lambda facts: facts.cases[CLOSED].update(reports=2)))

    def test_a_lost_token_is_found(self):
        def lose(facts):
            del facts.evidence[OPEN][1]
        self.assertIn("was taken with 250 and is kept 0 times",
                      self.found(lose))

        def forget_the_test(facts):
            lose(facts)
            facts.mail[0].update(outcome="refused", reply="550 no such test")
        self.assertIn("was refused and had not come before",
                      self.found(forget_the_test))
        self.assertIn("is kept, and nobody brought it",
                      self.found(lambda facts: facts.mail.pop()))
        self.assertIn("is not delivered yet", self.found(
            lambda facts: facts.mail[0].update(outcome=None)))

    def test_a_token_may_be_kept_without_its_250(self):
        facts = right()
        facts.mail[0].update(outcome="refused", reply="550 came already",
                             unsure=True)
        self.assertEqual(kill_verify.problems(facts), [])

    def test_a_lost_report_is_found(self):
        self.assertIn("1 reports counted, 2 made, 0 of them unanswered",
                      self.found(lambda facts: facts.reports.update([OPEN])))

    def test_a_connection_that_was_not_granted_is_found(self):
        self.assertIn("1 connections that the evidence knows nothing of, and "
                      "0 sessions cut",
                      self.found(lambda facts: facts.cut_leases.clear()))

        def not_told(facts):
            facts.deaths[0] = BEGIN + 8
        self.assertIn("never told, in 5.0 s", self.found(not_told))

        def stray(facts):
            facts.connections.append(connection("198.19.9.9", 0))
        self.assertIn("198.19.9.9 was connected to", self.found(stray))

    def test_bad_manners_are_found(self):
        def move(index, start):
            def doctor(facts):
                facts.connections[index].update(
                    start=BEGIN + start, end=BEGIN + start + 1)
            return doctor
        self.assertIn("two connections at once to its /24",
                      self.found(move(2, 0.5)))
        self.assertIn("two connections at once to it,",
                      self.found(move(1, 0.5)))
        self.assertIn("only 400 s between", self.found(move(3, 501)))

        def too_many(facts):
            for i in range(3):
                facts.connections.append(connection(OPEN, 3000 + 1000 * i))
                facts.cut_leases.add((OPEN, 1, 2 + i))
                facts.deaths.insert(1 + i, BEGIN + 3001 + 1000 * i)
        self.assertIn("5 connections to 198.19.0.1 within 5000 s",
                      self.found(too_many))

        def crowd(facts):
            for i in range(8):
                facts.connections.append(connection(
                    "198.19.1.%d" % (2 + i), 100 * i + 50))
                facts.connections.append(connection(
                    "198.19.1.%d" % (2 + i), 100 * i + 1000))
        self.assertIn("11 connections to 198.19.1.0/24", self.found(crowd))

        def greedy(facts):
            facts.connections[4]["taken"] *= 4
        self.assertIn("took [4] messages", self.found(greedy))

    def test_manners_go_by_the_clock_of_rbld(self):
        facts = copy.deepcopy(right())
        facts.connections[3].update(start=BEGIN + 150, end=BEGIN + 151)
        facts.moments.add(BEGIN + 120, 3600)
        self.assertEqual(kill_verify.problems(facts), [])


if __name__ == "__main__":
    runner.main()
