"""The tests' own DNS client is tested on messages written out by hand."""

import struct
import unittest

from tests.harness import dns_client
from tests.harness import runner


class DnsClientTest(unittest.TestCase):

    def test_builds_a_query_byte_for_byte(self):
        self.assertEqual(
            dns_client.build_query("2.0.0.127.b.test", dns_client.TXT, 0x1234),
            b"\x12\x34\0\0\0\1\0\0\0\0\0\0"
            b"\x012\x010\x010\x03127\x01b\x04test\0\0\x10\0\1")

    def test_edns_adds_one_opt_record_with_the_size(self):
        query = dns_client.build_query("b.test", edns_size=1232)
        self.assertEqual(struct.unpack_from("!H", query, 10)[0], 1)
        self.assertTrue(query.endswith(b"\0\0\x29\x04\xd0\0\0\0\0\0\0"))

    def test_reads_compressed_names_and_txt_strings(self):
        wire = (b"\0\7\x84\0\0\1\0\1\0\0\0\0"
                b"\x01x\x04test\0\0\x10\0\1"
                b"\xc0\x0c\0\x10\0\1\0\0\0\x3c\0\x06\x02ab\x02cd")
        response = dns_client.parse(wire)
        self.assertEqual(response.values(dns_client.TXT), ["abcd"])
        self.assertEqual(response.answer[0].owner, "x.test")
        self.assertEqual(response.answer[0].ttl, 60)
        self.assertTrue(response.authoritative)

    def test_refuses_trailing_bytes_and_pointer_loops(self):
        header = b"\0\7\x84\0\0\1\0\0\0\0\0\0"
        with self.assertRaises(ValueError):
            dns_client.parse(header + b"\x01x\0\0\1\0\1" + b"junk")
        with self.assertRaises(ValueError):
            dns_client.parse(header + b"\xc0\x0c\0\1\0\1")

    def test_reverses_addresses_of_both_families(self):
        self.assertEqual(dns_client.reversed_name("192.0.2.1", "z.test"),
                         "1.2.0.192.z.test")
        self.assertEqual(
            dns_client.reversed_name("2001:db8::1", "z"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
            ".z")


if __name__ == "__main__":
    runner.main()
