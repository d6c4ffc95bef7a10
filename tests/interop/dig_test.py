"""What an operator sees with dig: both transports, both address families."""

import functools
import subprocess
import unittest

from tests.harness import daemon
from tests.harness import runner

LISTED = "1.2.0.192"       # 192.0.2.1, a line of the sample feed
UNLISTED = "254.113.0.203"  # 203.0.113.254
LISTED6 = ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2")


def nibbles(text):
    """32 hexadecimal digits -> the reversed name of RFC 5782 §2.4."""
    return ".".join(reversed(text))


TEST6_LISTED = nibbles("0" * 20 + "ffff7f000002")
TEST6_UNLISTED = nibbles("0" * 20 + "ffff7f000001")


class DigAnswer:
    """What dig printed, taken apart."""

    def __init__(self, text):
        self.text = text
        self.status = text.split("status: ", 1)[1].split(",", 1)[0]
        self.flags = text.split("flags: ", 1)[1].split(";", 1)[0].split()
        self.sections = {"ANSWER": [], "AUTHORITY": [], "ADDITIONAL": []}
        current = None
        for line in text.splitlines():
            if line.startswith(";; ") and line.endswith(" SECTION:"):
                current = self.sections.get(line.split()[1])
            elif line and not line.startswith(";") and current is not None:
                current.append(line.split(None, 4))

    def answers(self, rtype):
        return [r[4] for r in self.sections["ANSWER"] if r[3] == rtype]

    def authority_types(self):
        return [r[3] for r in self.sections["AUTHORITY"]]


class DigTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = daemon.Scratch()
        cls.scratch.__enter__()
        cls.addClassCleanup(cls.scratch.__exit__)
        cls.rbld = daemon.Rbld(
            cls.scratch, list_keys='reason = "Open relay, see $"',
            zone_keys='records = ["@ 300 A 192.0.2.53", '
                      '"www 300 AAAA 2001:db8::80"]')
        cls.rbld.start()
        cls.addClassCleanup(cls.rbld.__exit__)
        cls.rbld.import_feed(daemon.runfile("zones/demo/sample.feed"), "sample")

    def dig(self, address, transport, name, *args):
        done = subprocess.run(
            ["dig", "@" + address, "-p", str(self.rbld.port), "+tries=1",
             "+time=5", "+norecurse", transport, name] + list(args),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("WARNING", done.stdout)
        return DigAnswer(done.stdout)

    def each_way(self):
        """Every transport over every address family that is here."""
        for address in ["127.0.0.1"] + (["::1"] if self.rbld.ipv6 else []):
            for transport in ("+notcp", "+tcp"):
                yield functools.partial(self.dig, address, transport)

    def name(self, labels):
        return "%s.%s" % (labels, self.rbld.zone)

    def assert_listed(self, dig, labels, reason=None):
        answer = dig(self.name(labels), "A")
        self.assertEqual(answer.status, "NOERROR", answer.text)
        self.assertEqual(answer.answers("A"), ["127.0.0.2"], answer.text)
        self.assertIn("aa", answer.flags)
        text = dig(self.name(labels), "TXT").answers("TXT")
        self.assertEqual(len(text), 1)
        if reason:
            self.assertEqual(text, ['"%s"' % reason])

    def assert_negative(self, dig, labels, status):
        answer = dig(self.name(labels), "A")
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.sections["ANSWER"], [], answer.text)
        self.assertEqual(answer.authority_types(), ["SOA"], answer.text)
        self.assertIn("aa", answer.flags)

    def test_ipv4_test_entries(self):
        for dig in self.each_way():
            self.assert_listed(dig, "2.0.0.127")
            self.assert_negative(dig, "1.0.0.127", "NXDOMAIN")

    def test_ipv6_test_entries(self):
        for dig in self.each_way():
            self.assert_listed(dig, TEST6_LISTED)
            self.assert_negative(dig, TEST6_UNLISTED, "NXDOMAIN")

    def test_name_test_entries(self):
        for dig in self.each_way():
            self.assert_listed(dig, "TEST")
            self.assert_negative(dig, "INVALID", "NXDOMAIN")

    def test_addresses_of_the_feed_and_others(self):
        for dig in self.each_way():
            self.assert_listed(dig, LISTED, "Open relay, see 192.0.2.1")
            self.assert_listed(dig, LISTED6, "Open relay, see 2001:db8::1")
            self.assert_negative(dig, UNLISTED, "NXDOMAIN")

    def test_partial_names_with_listings_below_exist(self):
        for dig in self.each_way():
            for labels in ("192", "0.192", "2.0.192", "127", "0.0.127",
                           "1.0.0.2", "8.b.d.0.1.0.0.2", "com", "example.com"):
                self.assert_negative(dig, labels, "NOERROR")

    def test_partial_names_with_nothing_below_do_not_exist(self):
        for dig in self.each_way():
            for labels in ("193", "1.192", "3.0.192", "1.127", "9.0.0.2",
                           "nothing-here.example"):
                self.assert_negative(dig, labels, "NXDOMAIN")

    def test_other_types_of_a_listed_name_are_nodata(self):
        for dig in self.each_way():
            answer = dig(self.name(LISTED), "MX")
            self.assertEqual(answer.status, "NOERROR")
            self.assertEqual(answer.sections["ANSWER"], [])
            self.assertEqual(answer.authority_types(), ["SOA"])

    def test_any_gives_one_rrset(self):
        for dig in self.each_way():
            answer = dig(self.name(LISTED), "ANY")
            types = {r[3] for r in answer.sections["ANSWER"]}
            self.assertEqual(len(types), 1, answer.text)  # RFC 8482 §4.1

    def test_foreign_zones_are_refused(self):
        for dig in self.each_way():
            for name in ("2.0.0.127.other.test", "rbld.test", "test", "."):
                answer = dig(name, "A")
                self.assertEqual(answer.status, "REFUSED", answer.text)
                self.assertNotIn("aa", answer.flags)

    def test_apex_has_soa_ns_and_static_records(self):
        for dig in self.each_way():
            soa = dig(self.rbld.zone, "SOA").answers("SOA")
            self.assertEqual(len(soa), 1)
            self.assertTrue(soa[0].startswith("ns1.rbld.test. "), soa)
            self.assertEqual(dig(self.rbld.zone, "NS").answers("NS"),
                             ["ns1.rbld.test."])
            self.assertEqual(dig(self.rbld.zone, "A").answers("A"),
                             ["192.0.2.53"])
            self.assertEqual(dig(self.name("www"), "AAAA").answers("AAAA"),
                             ["2001:db8::80"])

    def test_case_of_the_question_comes_back(self):
        for dig in self.each_way():
            name = "2.0.0.127.ReLaYs.RbLd.TeSt"
            answer = dig(name, "A")
            self.assertIn(";" + name + ".", answer.text)
            self.assertEqual(answer.answers("A"), ["127.0.0.2"])

    def test_edns_is_answered_only_when_it_was_asked(self):
        for dig in self.each_way():
            self.assertIn("EDNS: version: 0",
                          dig(self.name(LISTED), "A", "+edns").text)
            self.assertNotIn("EDNS:",
                             dig(self.name(LISTED), "A", "+noedns").text)
            self.assertEqual(dig(self.name(LISTED), "A", "+edns=1",
                                 "+noednsnegotiation").status, "BADVERS")


if __name__ == "__main__":
    runner.main()
