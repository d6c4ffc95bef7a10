"""A mail server of its own kind receives what comes back: rbl-deliver."""

import os
import subprocess
import unittest

from tests.harness import daemon
from tests.harness import namespace
from tests.harness import runner
from tests.relay import exim
from tests.relay import lab
from tests.relay import postfix

CATCHER = "198.18.0.5"
OPEN = "198.19.0.1"
CLOSED = "198.19.1.1"


class PipeTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.skip = lab.why_not(exim.PROGRAM, "postfix")
        if cls.skip:
            return
        cls.scratch = cls.enterClassContext(daemon.Scratch(mode=0o755))
        lab.enter(cls.scratch, exim.accounts(cls.scratch))
        cls.lab = cls.enterClassContext(lab.Lab(cls.scratch, catches=False))
        # rbl-deliver runs as the mail server's user.
        os.chmod(cls.lab.relayd_socket, 0o666)
        cls.catcher = cls.enterClassContext(postfix.Catcher(
            cls.scratch, CATCHER, cls.lab.relayd_socket))
        for kind, address in (("open", OPEN), ("closed", CLOSED)):
            cls.enterClassContext(exim.Exim(cls.scratch, kind, address,
                                            next_hop=CATCHER))

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    def deliver(self, recipient, *flags):
        return subprocess.run(
            [lab.deliver_path()] + list(flags) + ["--", recipient],
            input="Subject: x\n\ny\n", stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8")

    def test_what_comes_back_is_proof(self):
        for address in (OPEN, CLOSED):
            self.lab.report(address)
        self.assertEqual(self.lab.wait_for_verdict(CLOSED), "closed")
        self.assertEqual(self.lab.wait_for_verdict(OPEN), "open",
                         self.catcher.log())
        self.assertTrue(self.lab.is_listed(OPEN))
        message = [piece for piece in self.lab.evidence(OPEN)
                   if piece["kind"] == "message"][0]
        # The address that Postfix saw, and the message with its header.
        self.assertEqual(message["peer"], OPEN)
        self.assertIn("\nReceived: from relay.test", "\n" + message["text"])
        token = self.lab.tokens(OPEN)[0]

        # Again: nothing changes, and nobody gets a bounce.
        before = self.lab.evidence(OPEN)
        control = "--control=" + self.lab.relayd_socket
        done = self.deliver(token + "@" + lab.DOMAIN, control,
                            "--client=198.19.2.1")
        self.assertEqual((done.returncode, "replayed" in done.stderr),
                         (0, True), done.stderr)
        done = self.deliver("nobody@" + lab.DOMAIN, control,
                            "--client=198.19.2.1")
        self.assertEqual((done.returncode, "no token" in done.stderr),
                         (0, True), done.stderr)
        self.assertEqual(self.lab.evidence(OPEN), before)

    def test_trouble_is_told_in_the_words_of_mail_servers(self):
        done = self.deliver("x@" + lab.DOMAIN, "--client=198.19.2.1",
                            "--control=" + self.scratch.join("none"))
        self.assertEqual(done.returncode, os.EX_TEMPFAIL, done.stderr)
        self.assertIn(self.scratch.join("none"), done.stderr)
        done = self.deliver("x@" + lab.DOMAIN, "--client=unknown")
        self.assertEqual(done.returncode, os.EX_USAGE, done.stderr)
        self.assertIn("client_address", done.stderr)


if __name__ == "__main__":
    namespace.enter()
    runner.main()
