"""Mail servers whose truth is known, and what the verifier makes of each."""

import unittest

from tests.bench import markdown
from tests.harness import control
from tests.harness import daemon
from tests.harness import namespace
from tests.harness import runner
from tests.relay import exim
from tests.relay import lab
from tests.relay import nmap
from tests.relay import opensmtpd
from tests.relay import postfix
from tests.relay import scripted
from tests.relay import sendmail


class Multihop:
    """Takes mail at one address and delivers it from another."""

    name = "two Exims"

    def __init__(self, scratch, kind, address):
        self.address = address
        self.output = address[:-1] + "2"
        self._input = exim.Exim(scratch, kind, address, next_hop=self.output)
        self._servers = [exim.Exim(scratch, kind, self.output), self._input]
        self.sessions = self._input.sessions

    def __enter__(self):
        for server in self._servers:
            server.start()
        return self

    def __exit__(self, *unused):
        for server in self._servers:
            server.stop()


EXIM = exim.Exim
POSTFIX = postfix.Postfix
OPENSMTPD = opensmtpd.OpenSmtpd
SENDMAIL = sendmail.Sendmail
SCRIPTED = scripted.Scripted

# (server, its kind, the verdict, the form that proves it). Each has a network
# of its own, so that no neighbour is waited for.
SERVERS = [
    (EXIM, "open", "open", "plain"),
    (EXIM, "closed", "closed", None),
    (EXIM, "noisy", "accepted", None),
    (EXIM, "percent", "open", "percent-host"),
    (EXIM, "bang", "open", "bang-host"),
    (EXIM, "quoted", "open", "quoted-host"),
    (EXIM, "source-route", "open", "source-route"),
    (EXIM, "local-sender", "open", "host-sender"),
    (EXIM, "null-sender", "open", "null-sender"),
    (POSTFIX, "open", "open", "plain"),
    (POSTFIX, "open, TLS only", "open", "plain"),
    (POSTFIX, "closed", "closed", None),
    (POSTFIX, "local-sender", "open", "host-sender"),
    (OPENSMTPD, "open", "open", "plain"),
    (OPENSMTPD, "closed", "closed", None),
    (OPENSMTPD, "local-sender", "open", "host-sender"),
    (SENDMAIL, "promiscuous", "open", "plain"),
    (SENDMAIL, "default", "closed", None),
    (SCRIPTED, "discard", "accepted", None),
    (SCRIPTED, "bounce", "bounced", None),
    (SCRIPTED, "greylist", "open", None),
    (SCRIPTED, "busy", "inconclusive", None),
    (SCRIPTED, "tarpit", "inconclusive", None),
    (SCRIPTED, "five-errors", "closed", None),
    (Multihop, "open", "multihop", "plain"),
]
PROOFS = ("open", "multihop")


class MatrixTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.skip = lab.why_not(exim.PROGRAM, opensmtpd.PROGRAM, sendmail.PROGRAM,
                               "m4", "nmap", "openssl", "postfix")
        if cls.skip:
            return
        cls.scratch = cls.enterClassContext(daemon.Scratch(mode=0o755))
        lab.enter(cls.scratch, exim.accounts(cls.scratch))
        cls.lab = cls.enterClassContext(lab.Lab(
            cls.scratch, relayd_flags=["--command_seconds=10"]))
        cls.servers = [
            cls.enterClassContext(server(cls.scratch, kind,
                                         "198.19.%d.1" % number))
            for number, (server, kind, _, _) in enumerate(SERVERS)]
        for server in cls.servers:
            cls.lab.report(server.address)

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    def test_what_may_not_be_tested_is_refused(self):
        for address, why in (
                ("10.0.0.1", "private"), ("172.16.5.5", "private"),
                ("192.168.1.1", "private"), ("100.64.0.1", "shared"),
                ("127.0.0.1", "loopback"), ("127.0.0.2", "loopback"),
                ("169.254.1.1", "link-local"), ("224.0.0.1", "multicast"),
                ("240.0.0.1", "reserved"), ("255.255.255.255", ""),
                ("0.0.0.0", ""), ("::1", "loopback"), ("fe80::1", "link-local"),
                ("fc00::1", ""), ("ff02::1", "multicast"),
                ("::ffff:127.0.0.1", "loopback"),
                (lab.TESTER, "our own"), ("198.19.0.0/24", "network")):
            with self.assertRaises(control.ApiError, msg=address) as caught:
                self.lab.report(address)
            self.assertIn(why, str(caught.exception).lower(), address)

    def test_every_verdict_is_the_truth(self):
        rows, wrong = [], []
        for server, (_, kind, truth, form) in zip(self.servers, SERVERS):
            address = server.address
            verdict = self.lab.wait_for_verdict(address)
            proof = self.lab.case(address)["proven_form"]
            listed = self.lab.is_listed(address)
            # What its kernel counted, and what is kept as evidence.
            sessions = server.sessions()
            evidence = self.lab.evidence(address)
            told = sum(piece["kind"] == "session" for piece in evidence)
            name = "%s, %s" % (server.name, kind)
            rows.append([name, truth, verdict, proof or "",
                         "yes" if listed else "no", sessions])
            if not (verdict == truth and listed == (truth in PROOFS) and
                    form in (None, proof) and sessions == told > 0):
                wrong.append(name)
                print("%s: %d sessions\n%s" % (name, sessions, "\n".join(
                    piece["text"] for piece in evidence)))
        # What delivers for a multihop relay is told in a list of its own.
        self.assertEqual([one["target"] for one in
                          self.lab.api.listings("outputs")],
                         [self.servers[-1].output])
        # Only now: nmap knows no manners.
        nmap_says = nmap.ask([server.address for server in self.servers])
        for row, server in zip(rows, self.servers):
            row.append(nmap_says[server.address])
        print(markdown.table(["server", "truth", "rbld", "form", "listed",
                              "sessions", "nmap"], rows))
        self.assertEqual(wrong, [])
        # A table without nmap would be no comparison.
        self.assertIn("open", " ".join(nmap_says.values()))


if __name__ == "__main__":
    namespace.enter()
    runner.main()
