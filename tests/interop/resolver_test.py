"""Resolvers that minimise names (RFC 9156) must still find listings.

unbound asks `192.zone`, `0.192.zone` and so on, one label more at a time, and
gives up at the first NXDOMAIN (RFC 8020).
"""

import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import resolver
from tests.harness import runner

RANGE = "198.51.100.0/24"
RANGE6 = "2001:db8:5::/48"
ADDRESSES = ["192.0.2.7", "198.51.100.0", "198.51.100.255", "2001:db8::7",
             "2001:db8:5::1", "2001:db8:5:ffff:ffff:ffff:ffff:ffff"]
UNLISTED = ["192.0.2.8", "198.51.101.0", "2001:db8::8", "2001:db8:6::"]


class ResolverTest(unittest.TestCase):

    def setUp(self):
        if not daemon.find_program("unbound"):
            self.skipTest("unbound is not installed (scripts/packages.txt)")

    def test_unbound_with_minimised_names_finds_every_listing(self):
        with daemon.Scratch() as scratch, daemon.Rbld(scratch) as rbld:
            rbld.add("192.0.2.7", RANGE, "2001:db8::7", RANGE6,
                     "deep.sub.example.com")
            with resolver.Unbound(scratch, [rbld.zone], rbld.port,
                                  kind="stub") as unbound:
                def ask(name):
                    return dns_client.ask(unbound.server, name,
                                          flags=dns_client.RD,
                                          timeout_seconds=10)
                for address in ADDRESSES:
                    answer = ask(dns_client.reversed_name(address, rbld.zone))
                    self.assertEqual(answer.values(dns_client.A),
                                     ["127.0.0.2"], address)
                for address in UNLISTED:
                    answer = ask(dns_client.reversed_name(address, rbld.zone))
                    self.assertEqual(answer.rcode_name, "NXDOMAIN", address)
                answer = ask("deep.sub.example.com." + rbld.zone)
                self.assertEqual(answer.values(dns_client.A), ["127.0.0.2"])
                self.assertEqual(ask("other.sub.example.com."
                                     + rbld.zone).rcode_name, "NXDOMAIN")


if __name__ == "__main__":
    runner.main()
