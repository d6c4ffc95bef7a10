"""A real Postfix behind a real unbound refuses whom rbld lists."""

import os
import random
import time
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import mail
from tests.harness import namespace
from tests.harness import runner

LISTED = "192.0.2.25"
UNLISTED = "192.0.2.26"
TTL_SECONDS = 2
REASON = "Open relay, see https://relays.rbld.test/lookup?$"


class PostfixTest(unittest.TestCase):

    def setUp(self):
        why = mail.why_no_postfix()
        if why:
            self.skipTest(why)
        if not daemon.find_program("unbound"):
            self.skipTest("unbound is not installed (scripts/packages.txt)")
        self.scratch = daemon.Scratch(mode=0o755)
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        # A resolver is always asked at port 53; a random loopback address
        # keeps clear of any other that runs here.
        self.resolver = "127.%d.%d.53" % (random.randrange(1, 255),
                                          random.randrange(1, 255))
        resolv_conf = self.scratch.write(
            "resolv.conf", "nameserver %s\n" % self.resolver)
        os.chmod(resolv_conf, 0o644)
        why = namespace.use_resolv_conf(resolv_conf)
        if why:
            self.skipTest("no resolver of our own for Postfix: " + why)

    def test_refuses_a_listed_client_until_it_is_removed(self):
        rbld = daemon.Rbld(
            self.scratch, ttl_seconds=TTL_SECONDS, list_keys='reason = "%s"'
            % REASON, zone_keys="negative_ttl = %d" % TTL_SECONDS)
        with rbld, mail.Unbound(self.scratch, rbld.zone, rbld.port,
                                self.resolver, 53) as unbound, \
                mail.Postfix(self.scratch, rbld.zone) as postfix:
            rbld.add(LISTED)
            name = dns_client.reversed_name(LISTED, rbld.zone)
            self.assertEqual(
                dns_client.ask(unbound.server, name,
                               flags=dns_client.RD).values(dns_client.A),
                ["127.0.0.2"])

            code, text = postfix.deliver(LISTED)
            self.assertEqual(code, 554, text + postfix.log())
            self.assertIn("blocked using relays.rbld.test", text)
            self.assertIn(REASON.replace("$", LISTED), text)

            code, text = postfix.deliver(UNLISTED)
            self.assertEqual(code, 250, text + postfix.log())
            self.assertIn("queued", text)

            rbld.remove(LISTED)
            time.sleep(TTL_SECONDS + 1)
            code, text = postfix.deliver(LISTED)
            self.assertEqual(code, 250, text + postfix.log())
            self.assertIn("queued", text)


if __name__ == "__main__":
    runner.main()
