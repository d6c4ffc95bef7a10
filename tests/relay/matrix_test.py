"""Mail servers whose truth is known, and what the verifier makes of each."""

import collections
import sys
import unittest

from tests.harness import daemon
from tests.harness import namespace
from tests.harness import runner
from tests.relay import exim
from tests.relay import lab
from tests.relay import opensmtpd
from tests.relay import postfix
from tests.relay import scripted
from tests.relay import sendmail

Target = collections.namedtuple("Target", "address truth form start")


def _exim(kind):
    return lambda scratch, address: exim.Exim(scratch, kind, address)


class Multihop:
    """Takes mail at one address and delivers it from another."""

    def __init__(self, scratch, address):
        self.output = address[:-1] + "2"
        self._servers = [
            exim.Exim(scratch, "open", self.output),
            exim.Exim(scratch, "open", address, next_hop=self.output)]

    def __enter__(self):
        for server in self._servers:
            server.start()
        return self

    def __exit__(self, *unused):
        for server in self._servers:
            server.stop()


def _opensmtpd(kind):
    return lambda scratch, address: opensmtpd.OpenSmtpd(scratch, kind, address)


def _postfix(kind):
    return lambda scratch, address: postfix.Postfix(scratch, kind, address)


def _sendmail(kind):
    return lambda scratch, address: sendmail.Sendmail(scratch, kind, address)


class Scripted:

    def __init__(self, scratch, kind, address):
        self.address = address
        self._argv = [sys.executable, scripted.__file__, kind, address,
                      str(lab.PORT), lab.TESTER]
        self._log = scratch.join("scripted-%s.log" % address)

    def __enter__(self):
        self.program = daemon.Program(self._argv, self._log)
        daemon.wait_until("a scripted server",
                          lambda: lab.listens(self.address), self.program)
        return self

    def __exit__(self, *unused):
        self.program.kill()


def _scripted(kind):
    return lambda scratch, address: Scripted(scratch, kind, address)


# name: (verdict, the form that proves it, the server). Each has a network of
# its own, so that no neighbour is waited for.
SERVERS = {
    "exim open": ("open", "plain", _exim("open")),
    "exim closed": ("closed", None, _exim("closed")),
    "exim noisy": ("accepted", None, _exim("noisy")),
    "exim percent": ("open", "percent-host", _exim("percent")),
    "exim bang": ("open", "bang-host", _exim("bang")),
    "exim quoted": ("open", "quoted-host", _exim("quoted")),
    "exim source route": ("open", "source-route", _exim("source-route")),
    "exim local sender": ("open", "host-sender", _exim("local-sender")),
    "exim null sender": ("open", "null-sender", _exim("null-sender")),
    "postfix open": ("open", "plain", _postfix("open")),
    "postfix open, TLS only": ("open", "plain", _postfix("open, TLS only")),
    "postfix closed": ("closed", None, _postfix("closed")),
    "postfix local sender": ("open", "host-sender", _postfix("local-sender")),
    "opensmtpd open": ("open", "plain", _opensmtpd("open")),
    "opensmtpd closed": ("closed", None, _opensmtpd("closed")),
    "opensmtpd local sender": ("open", "host-sender",
                               _opensmtpd("local-sender")),
    "sendmail promiscuous": ("open", "plain", _sendmail("promiscuous")),
    "sendmail default": ("closed", None, _sendmail("default")),
    "accept and discard": ("accepted", None, _scripted("discard")),
    "accept then bounce": ("bounced", None, _scripted("bounce")),
    "greylisting, then open": ("open", None, _scripted("greylist")),
    "421 greeting": ("inconclusive", None, _scripted("busy")),
    "tarpit": ("inconclusive", None, _scripted("tarpit")),
    "multihop": ("multihop", "plain", Multihop),
    "drops after five errors": ("closed", None, _scripted("five-errors")),
}


PROOFS = ("open", "multihop")


class MatrixTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.skip = lab.why_not(exim.PROGRAM, opensmtpd.PROGRAM, sendmail.PROGRAM,
                               "m4", "openssl", "postfix")
        if cls.skip:
            return
        cls.scratch = cls.enterClassContext(daemon.Scratch(mode=0o755))
        lab.enter(cls.scratch, exim.accounts(cls.scratch))
        cls.lab = cls.enterClassContext(lab.Lab(
            cls.scratch, relayd_flags=["--command_seconds=10"]))
        cls.addresses = {}
        for number, (name, (_, _, server)) in enumerate(SERVERS.items()):
            address = "198.19.%d.1" % number
            cls.addresses[name] = address
            cls.enterClassContext(server(cls.scratch, address))
        for address in cls.addresses.values():
            cls.lab.report(address)

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    def test_every_verdict_is_the_truth(self):
        rows, wrong = [], []
        for name, (truth, form, _) in SERVERS.items():
            address = self.addresses[name]
            verdict = self.lab.wait_for_verdict(address)
            case = self.lab.case(address)
            proof = case["proven_form"]
            listed = self.lab.is_listed(address)
            right = (verdict == truth and listed == (truth in PROOFS) and
                     (form is None or proof == form))
            rows.append((name, truth, verdict, proof or "", listed))
            if not right:
                wrong.append(name)
                print("%s:\n%s" % (name, "\n".join(
                    piece["text"] for piece in self.lab.evidence(address))))
        print("\n".join("%-26s truth %-12s verdict %-12s %-14s listed %s" % row
                        for row in rows))
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    namespace.enter()
    runner.main()
