"""A feed of the real kind and size, imported, again, changed, and cut.

By default a generated feed; with RBLD_REAL_FEED=PATH (an address and a count on
each line) the same test runs on that one.
"""

import ipaddress
import os
import random
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import runner

GENERATED_LINES = 100_000
CHANGED_LINES = 1_000
ASKED = 2_000
SEED = 7


def generated_feed():
    """ADDRESS<TAB>COUNT lines under a header, unsorted, in ordinary space."""
    rng = random.Random(SEED)
    addresses = set()
    while len(addresses) < GENERATED_LINES:
        candidate = ipaddress.IPv4Address(rng.getrandbits(32))
        if candidate.is_global and not candidate.is_multicast \
                and candidate.packed[0] not in (192, 198, 203):
            addresses.add(str(candidate))
    ordered = sorted(addresses, key=lambda a: rng.random())
    lines = ["# A generated feed", "#", "# 203.0.113.9 is only a comment", ""]
    lines += ["%s\t%d" % (a, rng.randrange(1, 10)) for a in ordered]
    return "\n".join(lines) + "\n"


def addresses_of(text):
    return [line.split()[0] for line in text.splitlines()
            if line.strip() and line.lstrip()[0] not in "#;"]


class FeedTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = daemon.Scratch()
        cls.scratch.__enter__()
        cls.addClassCleanup(cls.scratch.__exit__)
        real = os.environ.get("RBLD_REAL_FEED")
        if real:
            with open(real, encoding="utf-8") as text:
                cls.text = text.read()
        else:
            cls.text = generated_feed()
        cls.addresses = addresses_of(cls.text)

    def setUp(self):
        self.folder = daemon.Scratch()
        self.folder.__enter__()
        self.addCleanup(self.folder.__exit__)
        self.rbld = daemon.Rbld(self.folder).start()
        self.addCleanup(self.rbld.__exit__)
        self.feed = self.folder.write("feed.txt", self.text)
        self.first = self.rbld.import_feed(self.feed, "feed")

    def serial(self):
        return self.rbld.ask(self.rbld.zone, dns_client.SOA).answer[0].value[2]

    def import_again(self, text, *flags):
        path = self.folder.write("again.txt", text)
        return self.rbld.ctl("import", "--json", "--list", "relays",
                             "--source", "feed", *flags, path)

    def counts(self, summary):
        return tuple(summary[k] for k in ("added", "removed", "changed",
                                          "unchanged", "rejected"))

    def ask_all(self, addresses):
        asker = dns_client.ManyAsker(self.rbld.server)
        try:
            yield from asker.ask_all(
                dns_client.reversed_name(a, self.rbld.zone) for a in addresses)
        finally:
            asker.close()

    def test_count_equals_the_distinct_addresses_and_each_is_answered(self):
        distinct = set(self.addresses)
        self.assertEqual(self.counts(self.first),
                         (len(distinct), 0, 0, 0, 0))
        asked = random.Random(SEED).sample(sorted(distinct), ASKED)
        for name, answer in self.ask_all(asked):
            self.assertEqual(answer.values(dns_client.A), ["127.0.0.2"], name)
        # The neighbours that are not in the feed are not listed.
        neighbours = {str(ipaddress.IPv4Address(a) + 1) for a in asked}
        for name, answer in self.ask_all(sorted(neighbours - distinct)):
            self.assertEqual(answer.rcode_name, "NXDOMAIN", name)

    def test_the_same_file_again_changes_nothing(self):
        before = self.serial()
        again = self.import_again(self.text)
        self.assertEqual(again.code, 0, again)
        self.assertEqual(self.counts(again.json()),
                         (0, 0, 0, len(set(self.addresses)), 0))
        self.assertEqual(self.serial(), before)
        self.assertEqual(again.json()["sequence"], self.first["sequence"])

    def test_exactly_the_changed_lines_are_changes(self):
        distinct = sorted(set(self.addresses))
        rng = random.Random(SEED)
        gone = set(rng.sample(distinct, CHANGED_LINES))
        come, candidate = set(), ipaddress.IPv4Address("11.0.0.1")
        while len(come) < CHANGED_LINES:
            if str(candidate) not in self.addresses:
                come.add(str(candidate))
            candidate += 257
        before = self.serial()
        result = self.import_again("\n".join(
            [a for a in distinct if a not in gone] + sorted(come)) + "\n")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(self.counts(result.json()), (
            CHANGED_LINES, CHANGED_LINES, 0, len(distinct) - CHANGED_LINES, 0))
        self.assertEqual(result.json()["sequence"], self.first["sequence"] + 1)
        self.assertEqual(self.serial(), before + 1)
        for name, answer in self.ask_all(sorted(gone)):
            self.assertEqual(answer.rcode_name, "NXDOMAIN", name)
        for name, answer in self.ask_all(sorted(come)):
            self.assertEqual(answer.values(dns_client.A), ["127.0.0.2"], name)

    def test_a_copy_cut_to_a_tenth_is_refused_and_changes_nothing(self):
        lines = self.text.splitlines(keepends=True)
        before = self.serial()
        cut = "".join(lines[:len(lines) // 10])
        result = self.import_again(cut)
        self.assertEqual(result.code, 3, result)
        self.assertEqual(self.serial(), before)
        for name, answer in self.ask_all(sorted(set(self.addresses))[-ASKED:]):
            self.assertEqual(answer.values(dns_client.A), ["127.0.0.2"], name)
        forced = self.import_again(cut, "--force")
        self.assertEqual(forced.code, 0, forced)
        self.assertEqual(forced.json()["unchanged"],
                         len(set(addresses_of(cut))))

    def test_everything_is_there_after_a_restart(self):
        self.assertEqual(self.rbld.stop(), 0)
        self.rbld.start()
        asked = random.Random(SEED + 1).sample(sorted(set(self.addresses)),
                                               ASKED)
        for name, answer in self.ask_all(asked):
            self.assertEqual(answer.values(dns_client.A), ["127.0.0.2"], name)


if __name__ == "__main__":
    runner.main()
