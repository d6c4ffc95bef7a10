"""The catcher takes mail for live tokens of its own, once each, and for nothing
else; it relays nothing, and outlives those who would smuggle or keep it busy.
"""

import random
import resource
import smtplib
import socket
import time
import unittest

from tests.harness import control
from tests.harness import daemon
from tests.harness import namespace
from tests.harness import process_stats
from tests.harness import runner
from tests.relay import lab
from tests.relay import nmap
from tests.relay import scripted

# Every address of it is ours, so that mail comes from the tested address.
TARGETS = "198.19.0.0/16"
OTHER = "198.18.0.4"
OTHER_DOMAIN = "o.rbld.test"
HOUR = 3600
DAY = 24 * HOUR

IDLE = 10000
IDLE_ADDRESSES = 200
IDLE_PER_ADDRESS = 100  # CatcherOptions
# Of rbl-relayd, for each connection that does nothing.
IDLE_BYTES = 16 << 10

# What some servers take for the end of a message, and no end is.
NO_ENDS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n",
           b"\n.\r", b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\r\n\x00.\r\n",
           b"\r\n.\x00\r\n", b"\r\n. \r\n", b"\x85.\x85"]


class Smtp:
    """A client that says exactly what it is told."""

    def __init__(self, source, catcher=lab.TESTER):
        self._sock = socket.create_connection((catcher, lab.PORT), 60,
                                              (source, 0))
        self._file = self._sock.makefile("rb")
        self.greeting = self.reply()

    def send(self, data):
        self._sock.sendall(data)

    def reply(self):
        """The code of a reply; None if the other side has closed."""
        while True:
            line = self._file.readline()
            if not line:
                return None
            if line[3:4] != b"-":
                return int(line[:3])

    def ask(self, line):
        self.send(line.encode("latin-1") + b"\r\n")
        return self.reply()

    def close(self):
        self._file.close()
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def rcpt(path, source):
    """What the catcher says to one recipient, and then to DATA."""
    with Smtp(source) as smtp:
        smtp.ask("EHLO relay.test")
        smtp.ask("MAIL FROM:<a@relay.test>")
        return smtp.ask("RCPT TO:" + path), smtp.ask("DATA")


def deliver(token, source):
    """Brings a message back; raises if that is refused."""
    with smtplib.SMTP(lab.TESTER, lab.PORT, timeout=60,
                      source_address=(source, 0)) as smtp:
        smtp.sendmail("a@relay.test", ["%s@%s" % (token, lab.DOMAIN)],
                      "Subject: back\r\n\r\nhere\r\n")


def lease(the_lab, *targets):
    """The sessions of targets that are reported for it, by target."""
    for target in targets:
        the_lab.report(target)
    api = control.Control(the_lab.relayd_socket)
    try:
        sessions = api.request("POST", "/v1/relay/leases",
                               {"limit": 100})["sessions"]
    finally:
        api.close()
    found = {session["target"]: session for session in sessions}
    assert set(targets) <= set(found), "leased %s" % sorted(found)
    return found


def tokens(session):
    return [probe["token"] for probe in session["probes"]]


def token_state(the_lab, token):
    api = control.Control(the_lab.relayd_socket)
    try:
        return api.request("POST", "/v1/relay/tokens",
                           {"token": token})["state"]
    finally:
        api.close()


def state(the_lab, *targets):
    """All that the API says of them, and the list."""
    return ([the_lab.case(target) for target in targets],
            [the_lab.evidence(target) for target in targets],
            list(the_lab.api.listings("relays")))


def settled_state(the_lab, *targets):
    """The same once nothing is due any more."""
    before = [None]

    def same():
        now = state(the_lab, *targets)
        if now == before[0]:
            return now
        before[0] = now
        return None
    return daemon.wait_until("the cases to come to rest", same,
                             pause_seconds=1.5)


def messages(the_lab, target):
    return sum(piece["kind"] == "message"
               for piece in the_lab.evidence(target))


def changed(token, rng):
    """The token with one bit flipped (RFC 4648 §6, in lower case)."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    at, bit = rng.randrange(len(token)), rng.randrange(5)
    flipped = alphabet[alphabet.index(token[at]) ^ 1 << bit]
    return token[:at] + flipped + token[at + 1:]


class CatcherTest(unittest.TestCase):

    _next_network = 0

    @classmethod
    def setUpClass(cls):
        cls.skip = lab.why_not("nmap")
        if cls.skip:
            return
        cls.scratch = cls.enterClassContext(daemon.Scratch(mode=0o755))
        lab.enter(cls.scratch)
        namespace.use_network(TARGETS)
        cls.clock = lab.FakeClock(cls.scratch)
        # Nobody is tested: the leases are ours.
        cls.lab = cls.enterClassContext(lab.Lab(
            cls.scratch, clock=cls.clock, tests=False,
            schedule={"lease": "25m", "late_mail": "1h"}))

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    def new_target(self):
        """In a network of its own."""
        CatcherTest._next_network += 1
        return "198.19.%d.1" % CatcherTest._next_network

    def assert_refused(self, path, source):
        reply, after = rcpt(path, source)
        self.assertEqual(reply // 100, 5, "%s: %d" % (path, reply))
        self.assertEqual(after, 503, path)

    def test_a_real_token_is_taken_once(self):
        target = self.new_target()
        token = tokens(lease(self.lab, target)[target])[0]
        deliver(token, target)
        self.assertTrue(self.lab.is_listed(target))
        self.assertEqual(self.lab.case(target)["verdict"], "open")
        before = state(self.lab, target)
        # Replayed: by the one who had it, and by others.
        for source in (target, self.new_target(), lab.TESTER):
            for text in (token, token.upper()):
                self.assert_refused("<%s@%s>" % (text, lab.DOMAIN), source)
        self.assertEqual(state(self.lab, target), before)

    def test_of_two_at_once_one_is_taken(self):
        target = self.new_target()
        token = tokens(lease(self.lab, target)[target])[0]
        clients = [Smtp(target) for _ in range(10)]
        for client in clients:
            client.ask("EHLO relay.test")
            client.ask("MAIL FROM:<>")
            # Live for all: nobody has brought it back yet.
            self.assertEqual(client.ask("RCPT TO:<%s@%s>" % (
                token, lab.DOMAIN)), 250)
            self.assertEqual(client.ask("DATA"), 354)
        for client in clients:
            client.send(b"Subject: back\r\n\r\n.\r\n")
        replies = sorted(client.reply() for client in clients)
        for client in clients:
            client.close()
        self.assertEqual(replies, [250] + [550] * 9)
        self.assertEqual(messages(self.lab, target), 1)

    def test_a_forged_token_is_refused(self):
        rng = random.Random(1)
        target = self.new_target()
        session = lease(self.lab, target)[target]
        before = state(self.lab, target)
        real = tokens(session) + [probe["sender_token"]
                                  for probe in session["probes"]]
        forged = [changed(token, rng) for token in real for _ in range(6)]
        forged += ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz234567",
                                       k=32)) for _ in range(50)]
        # Two halves of real ones; too short, too long; nothing.
        forged += [real[0][:16] + real[1][16:], real[0][:-1], real[0] + "a",
                   real[0][::-1], "postmaster", "abuse", ""]
        for token in forged:
            self.assert_refused("<%s@%s>" % (token, lab.DOMAIN), target)
        self.assertEqual(state(self.lab, target), before)
        self.assertFalse(self.lab.is_listed(target))

    def test_a_bounce_proves_nothing(self):
        target = self.new_target()
        session = lease(self.lab, target)[target]
        deliver(session["probes"][0]["sender_token"], target)
        self.assertEqual([piece["kind"] for piece in self.lab.evidence(target)],
                         ["bounce"])
        self.assertFalse(self.lab.case(target)["listed"])
        self.assertFalse(self.lab.is_listed(target))

    def test_an_expired_token_is_refused(self):
        target = self.new_target()
        token = tokens(lease(self.lab, target)[target])[0]
        for days, known in ((7, "expired"), (8, "forged")):
            # A token ends at the full hour after its time.
            self.clock.advance(days * DAY + HOUR)
            before = settled_state(self.lab, target)
            self.assertEqual(token_state(self.lab, token), known)
            self.assert_refused("<%s@%s>" % (token, lab.DOMAIN), target)
            self.assertEqual(state(self.lab, target), before)
        self.assertFalse(self.lab.is_listed(target))

    def test_a_foreign_token_is_refused(self):
        target, neighbour = self.new_target(), self.new_target()
        leased = lease(self.lab, target, neighbour)
        number = leased[target]["test"]
        with daemon.Scratch(mode=0o755) as scratch:
            # The same target, test and forms; another store, so another key.
            other = lab.Lab(scratch, address=OTHER)
            with other.rbld:
                other.api = control.Control(other.rbld.socket_path)
                for one in ["198.19.%d.1" % (100 + before)
                            for before in range(number - 1)] + [target]:
                    foreign = lease(other, one)[one]
                other.api.close()
        self.assertEqual((foreign["target"], foreign["test"]),
                         (target, number))
        before = state(self.lab, target, neighbour)
        for token in tokens(foreign):
            self.assert_refused("<%s@%s>" % (token, lab.DOMAIN), target)
        # The neighbour's number and MAC under our target's test, and the other
        # way round: a token holds for the target that it was made for.
        ours, theirs = tokens(leased[target])[0], tokens(leased[neighbour])[0]
        for token in (ours[:16] + theirs[16:], theirs[:16] + ours[16:]):
            self.assert_refused("<%s@%s>" % (token, lab.DOMAIN), target)
        self.assertEqual(state(self.lab, target, neighbour), before)
        # Real, but of another target: it proves that one, and not us.
        deliver(theirs, target)
        self.assertEqual(self.lab.case(neighbour)["verdict"], "multihop")
        self.assertFalse(self.lab.is_listed(target))
        self.assertEqual(state(self.lab, target)[:2],
                         ([before[0][0]], [before[1][0]]))

    def test_nothing_is_relayed(self):
        target = self.new_target()
        token = tokens(lease(self.lab, target)[target])[0]
        before = state(self.lab, target)
        names = {"t": token, "d": lab.DOMAIN, "o": "other.test",
                 "u": "user", "h": "tester." + lab.DOMAIN,
                 "i": "[%s]" % lab.TESTER}
        for path in ("<%(u)s@%(o)s>", "%(u)s@%(o)s", "<%(t)s@%(o)s>",
                     "<%(t)s@%(h)s>", "<%(t)s@%(i)s>", "<%(t)s@%(d)s.>",
                     "<%(t)s@x.%(d)s>", "<%(t)s@%(d)s.%(o)s>", "<%(t)s>",
                     "<%(u)s%%%(o)s@%(d)s>", "<%(t)s%%%(o)s@%(d)s>",
                     "<%(t)s%%%(o)s>", "<%(t)s%%%(o)s@%(i)s>",
                     "<%(o)s!%(u)s@%(d)s>", "<%(o)s!%(t)s@%(d)s>",
                     "<%(o)s!%(t)s>", "<%(d)s!%(o)s!%(u)s>",
                     '<"%(u)s@%(o)s"@%(d)s>', '<"%(t)s@%(o)s"@%(d)s>',
                     '<"%(t)s@%(o)s">', '<"%(t)s%%%(o)s"@%(d)s>',
                     '<"%(t)s"@%(o)s>', "<%(t)s@%(o)s@%(d)s>",
                     "<%(u)s@%(o)s@%(d)s>", "<%(t)s@%(d)s@%(o)s>",
                     "<@%(d)s:%(u)s@%(o)s>", "<@%(d)s:%(t)s@%(o)s>",
                     "<@%(d)s,@%(o)s:%(u)s@%(o)s>",
                     "<@%(i)s:%(u)s@%(o)s>", "<@%(d)s>", "<>", "<@>", ":",
                     "<%(u)s@%(o)s> <%(t)s@%(d)s>",
                     "<%(t)s@%(d)s,%(u)s@%(o)s>"):
            self.assert_refused(path % names, target)
        self.assertEqual(state(self.lab, target), before)

    def test_nmap_finds_no_open_relay(self):
        said = nmap.ask([lab.TESTER])[lab.TESTER]
        print("nmap of the catcher: " + said)
        self.assertEqual(said, "closed")

    def test_another_verifier_finds_no_open_relay(self):
        with daemon.Scratch(mode=0o755) as scratch, lab.Lab(
                scratch, address=OTHER, domain=OTHER_DOMAIN,
                relayd_flags=["--command_seconds=20"]) as other:
            other.report(lab.TESTER)
            self.assertEqual(other.wait_for_verdict(lab.TESTER), "closed",
                             other.evidence(lab.TESTER))
            self.assertFalse(other.is_listed(lab.TESTER))

    def test_no_message_is_smuggled_in(self):
        targets = [self.new_target() for _ in NO_ENDS]
        leased = lease(self.lab, *targets)
        for target, no_end in zip(targets, NO_ENDS):
            first, second = tokens(leased[target])[:2]
            with Smtp(target) as smtp:
                smtp.ask("EHLO relay.test")
                smtp.ask("MAIL FROM:<a@relay.test>")
                self.assertEqual(smtp.ask("RCPT TO:<%s@%s>" % (
                    first, lab.DOMAIN)), 250)
                self.assertEqual(smtp.ask("DATA"), 354)
                smtp.send(b"Subject: one\r\n\r\nx" + no_end +
                          b"MAIL FROM:<b@relay.test>\r\nRCPT TO:<%s@%s>\r\n"
                          b"DATA\r\nSubject: two\r\n\r\ny"
                          % (second.encode(), lab.DOMAIN.encode()))
                smtp.send(b"\r\n.\r\n")
                self.assertEqual(smtp.reply(), 250, no_end)
                # The only reply to it all: the next one is to this.
                self.assertEqual(smtp.ask("QUIT"), 221, no_end)
                self.assertIsNone(smtp.reply(), no_end)
            self.assertEqual(messages(self.lab, target), 1, no_end)
            self.assertEqual(token_state(self.lab, second), "valid", no_end)
            text = [piece for piece in self.lab.evidence(target)
                    if piece["kind"] == "message"][0]["text"]
            self.assertIn("Subject: two", text, no_end)

    def test_ten_thousand_idle_connections_keep_no_message_out(self):
        files = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files[1] < IDLE + 500:
            self.skipTest("%d open files are too few" % files[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
        target = self.new_target()
        token = tokens(lease(self.lab, target)[target])[0]
        pid = self.lab.relayd.pid
        before = process_stats.memory_bytes(pid)["VmRSS"]
        idle = []
        try:
            for number in range(IDLE):
                idle.append(socket.create_connection(
                    (lab.TESTER, lab.PORT), 60,
                    ("198.19.250.%d" % (1 + number % IDLE_ADDRESSES), 0)))
            for sock in idle:
                self.assertEqual(sock.recv(3), b"220")
            grown = process_stats.memory_bytes(pid)["VmRSS"] - before
            started = time.monotonic()
            deliver(token, target)
            seconds = time.monotonic() - started
            print("%d idle connections: %d KB (%d bytes each); a message got "
                  "in within %.3f s" % (len(idle), grown >> 10, grown / IDLE,
                                        seconds))
            self.assertLess(grown, IDLE * IDLE_BYTES)
            self.assertTrue(self.lab.is_listed(target))
            self.assertEqual(messages(self.lab, target), 1)
            # Of one address there are only so many.
            more = [Smtp("198.19.250.1") for _ in
                    range(IDLE_PER_ADDRESS - IDLE // IDLE_ADDRESSES)]
            self.assertEqual({one.greeting for one in more}, {220})
            with Smtp("198.19.250.1") as turned_away:
                self.assertEqual(turned_away.greeting, 421)
                self.assertIsNone(turned_away.reply())
            for one in more:
                one.close()
        finally:
            for sock in idle:
                sock.close()

    def test_who_is_silent_is_sent_away(self):
        with daemon.Scratch(mode=0o755) as scratch, lab.Lab(
                scratch, address=OTHER, domain=OTHER_DOMAIN,
                relayd_flags=["--idle_seconds=2"]):
            idle = [socket.create_connection((OTHER, lab.PORT), 60)
                    for _ in range(IDLE_PER_ADDRESS)]
            for sock in idle[::2]:
                # Half a command is none.
                sock.sendall(b"EHLO re")
            for sock in idle:
                with sock, sock.makefile("rb") as lines:
                    self.assertEqual(lines.readline()[:3], b"220")
                    self.assertEqual(lines.readline()[:3], b"421")
                    self.assertEqual(lines.readline(), b"")

    def test_a_full_catcher_leaves_the_tester_its_sockets(self):
        sessions, files, mail_server = 100, 300, "198.18.9.1"
        with daemon.Scratch(mode=0o755) as scratch, lab.Lab(
                scratch, address=OTHER, domain=OTHER_DOMAIN, open_files=files,
                relayd_flags=["--max_sessions=%d" % sessions,
                              "--proof_seconds=1"]) as other:
            idle = [Smtp("198.19.251.%d" % (1 + number % 4), OTHER)
                    for number in range(files)]
            greetings = [one.greeting for one in idle]
            print("%d open files: %d connections taken, %d turned away" % (
                files, greetings.count(220), greetings.count(421)))
            self.assertEqual(set(greetings), {220, 421})
            self.assertLess(greetings.count(220), files - sessions)
            with scripted.Scripted(scratch, "discard", mail_server):
                other.report(mail_server)
                self.assertEqual(other.wait_for_verdict(mail_server),
                                 "accepted", other.evidence(mail_server))
            for one in idle:
                one.close()


if __name__ == "__main__":
    namespace.enter()
    runner.main()
