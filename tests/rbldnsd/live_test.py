"""Watched files and the store's own listings in one list, side by side."""

import gzip
import json
import os
import time
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import runner

DATASETS = """
[files]
check = "1s"
[[dataset]]
name = "feed"
type = "ip4set"
files = ["feed.ip4"]
lists = ["relays"]
[[dataset]]
name = "names"
type = "dnset"
files = ["names.gz"]
lists = ["relays"]
[[dataset]]
name = "extra"
type = "generic"
files = ["extra"]
zones = ["relays.rbld.test"]
[[dataset]]
name = "who"
type = "acl"
files = ["acl"]
zones = ["*"]
"""


class LiveTest(unittest.TestCase):

    def setUp(self):
        self.scratch = daemon.Scratch()
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        self.scratch.write("feed.ip4", ":4:feed $\n192.0.2.0/24\n!192.0.2.9\n")
        with gzip.open(self.scratch.join("names.gz"), "wt") as out:
            out.write(".spam.example :5:name $\n")
        self.scratch.write("extra", "www 60 A 203.0.113.80\n@ MX 5 mx.example\n")
        self.scratch.write("acl", "127.0.0.1 :pass\n::1 :refuse\n")
        self.rbld = daemon.Rbld(self.scratch, more=DATASETS,
                                zone_keys='serial = "unixtime"')

    def codes(self, name):
        return self.rbld.ask(name + "." + self.rbld.zone).values(dns_client.A)

    def test_both_answer_and_each_changes_by_itself(self):
        with self.rbld as rbld:
            self.assertEqual(self.codes("1.2.0.192"), ["127.0.0.4"])
            self.assertEqual(self.codes("9.2.0.192"), [])
            rbld.add("192.0.2.1", "192.0.2.9", "198.51.100.1")
            self.assertEqual(self.codes("1.2.0.192"),
                             ["127.0.0.2", "127.0.0.4"])
            self.assertEqual(self.codes("9.2.0.192"), ["127.0.0.2"])
            self.scratch.write("feed.ip4", "198.51.100.0/24 :6:\n")
            daemon.wait_until("the new file", lambda: self.codes(
                "1.100.51.198") == ["127.0.0.2", "127.0.0.6"], rbld.program)
            self.assertEqual(self.codes("1.2.0.192"), ["127.0.0.2"])
            rbld.remove("198.51.100.1")
            self.assertEqual(self.codes("1.100.51.198"), ["127.0.0.6"])

    def test_an_exemption_hides_what_the_files_list(self):
        with self.rbld as rbld:
            def serial():
                return rbld.ask(rbld.zone, dns_client.SOA).values(
                    dns_client.SOA)[0][2]
            before = serial()
            self.assertEqual(self.codes("7.2.0.192"), ["127.0.0.4"])
            self.assertEqual(self.codes("a.spam.example"), ["127.0.0.5"])
            self.assertEqual(rbld.ctl("exempt", "192.0.2.0/29").code, 0)
            self.assertEqual(rbld.ctl("exempt", "a.spam.example").code, 0)
            self.assertEqual(self.codes("7.2.0.192"), [])
            self.assertEqual(self.codes("8.2.0.192"), ["127.0.0.4"])
            self.assertEqual(self.codes("a.spam.example"), [])
            self.assertEqual(self.codes("b.spam.example"), ["127.0.0.5"])
            # What is not listed any more is new content.
            self.assertGreater(serial(), before)
            # A new version of the file stays hidden, and so it does after a
            # start.
            self.scratch.write("feed.ip4", "192.0.2.0/24 :6:\n")
            daemon.wait_until("the new file", lambda: self.codes(
                "8.2.0.192") == ["127.0.0.6"], rbld.program)
            self.assertEqual(self.codes("7.2.0.192"), [])
            rbld.stop()
            rbld.start()
            self.assertEqual(self.codes("7.2.0.192"), [])
            self.assertEqual(rbld.ctl("unexempt", "192.0.2.0/29").code, 0)
            self.assertEqual(self.codes("7.2.0.192"), ["127.0.0.6"])

    def test_other_types_of_data_answer_too(self):
        with self.rbld as rbld:
            zone = rbld.zone
            answer = rbld.ask("a.spam.example." + zone, dns_client.TXT)
            # The entry that lists the name, as in rbldnsd.
            self.assertEqual(answer.values(dns_client.TXT),
                             ["name spam.example"])
            answer = rbld.ask("www." + zone)
            self.assertEqual(answer.values(dns_client.A), ["203.0.113.80"])
            self.assertEqual(answer.answer[0].ttl, 60)
            self.assertEqual(
                rbld.ask(zone, dns_client.MX).values(dns_client.MX),
                ["5 mx.example"])
            if rbld.ipv6:
                refused = dns_client.ask(rbld.server6, "www." + zone)
                self.assertEqual(refused.rcode_name, "REFUSED")

    def test_the_serial_moves_with_the_files(self):
        with self.rbld as rbld:
            def serial():
                return rbld.ask(rbld.zone, dns_client.SOA).values(
                    dns_client.SOA)[0][2]
            before = serial()
            self.scratch.write("feed.ip4", "192.0.2.7\n")
            daemon.wait_until("the serial", lambda: serial() > before,
                              rbld.program)
            # A file that is only touched says nothing new.
            before = serial()
            path = self.scratch.write("feed.ip4", "192.0.2.7\n# a remark\n")
            os.utime(path, (before + 100, before + 100))
            loads = rbld.program.log().count("dataset feed: ")
            daemon.wait_until(
                "the touched file",
                lambda: rbld.program.log().count("dataset feed: ") > loads,
                rbld.program)
            self.assertEqual(serial(), before)

    def test_a_reload_adds_and_drops_datasets(self):
        with self.rbld as rbld:
            with open(rbld.config_path) as text:
                config = text.read()
            with open(rbld.config_path, "w") as out:
                out.write(config.replace('name = "names"', 'name = "other"')
                          .replace("names.gz", "more")
                          .replace('type = "dnset"', 'type = "ip6trie"'))
            # The file is not there: all stays as it was.
            done = rbld.ctl("reload")
            self.assertNotEqual(done.code, 0)
            self.assertIn("more", done.err + done.out)
            self.assertEqual(self.codes("a.spam.example"), ["127.0.0.5"])
            self.scratch.write("more", "2001:db8::/32 :7:\n")
            self.assertEqual(rbld.ctl("reload").code, 0)
            self.assertEqual(self.codes("a.spam.example"), [])
            answer = rbld.ask_address("2001:db8::1")
            self.assertEqual(answer.values(dns_client.A), ["127.0.0.7"])


KEYS = """
[files]
check = "1s"
[[dataset]]
name = "keys"
type = "aclkey"
files = ["keys"]
zones = ["relays.rbld.test"]
[[dataset]]
name = "urls"
type = "dnhash"
files = ["urls"]
lists = ["relays"]
"""


class KeyTest(unittest.TestCase):
    """Keys in names, live."""

    def setUp(self):
        self.scratch = daemon.Scratch()
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        self.scratch.write("keys", ":refuse\n"
                           "k1secret :pass @ name=acme;quota=4/1w\n")
        self.scratch.write("urls", "early.example @ ts=%d;delay=1w;"
                           "key=nodelay\n" % time.time())
        self.rbld = daemon.Rbld(
            self.scratch, more=KEYS, zone_keys='serial = "unixtime"\n'
            'over_quota = {code = "127.255.255.255", reason = "too many"}')

    def ask(self, name):
        answer = self.rbld.ask(name + "." + self.rbld.zone)
        return answer.values(dns_client.A) or answer.rcode_name

    def test_keys(self):
        with self.rbld as rbld:
            rbld.add("192.0.2.1")
            self.assertEqual(self.ask("1.2.0.192"), "REFUSED")
            self.assertEqual(self.ask("1.2.0.192.k1secret"), ["127.0.0.2"])
            self.assertEqual(self.ask("early.example.k1secret"), ["127.0.0.2"])
            self.assertEqual(self.ask("early.example"), "REFUSED")
            # The file gets another key; the usage of the first goes on.
            self.scratch.write("keys", ":pass\n"
                               "k1secret :pass @ name=acme;quota=4/1w\n"
                               "k2 :pass @ expires=2020-01-01\n")
            daemon.wait_until("the new file",
                              lambda: self.ask("1.2.0.192") == ["127.0.0.2"],
                              rbld.program)
            self.assertEqual(self.ask("early.example"), "NXDOMAIN")
            self.assertEqual(self.ask("2.2.0.192.k1secret"), "NXDOMAIN")
            self.assertEqual(self.ask("2.2.0.192.k1secret"), "NXDOMAIN")
            self.assertEqual(self.ask("2.2.0.192.k1secret"),
                             ["127.255.255.255"])
            done = rbld.ctl("stats")
            self.assertEqual(done.code, 0, done.err)
            row = [line for line in done.out.splitlines() if "acme" in line]
            self.assertIn("4 of 4 in 1w", row[0])
            self.assertNotIn("k1secret", done.out)
            keys = json.loads(rbld.ctl("stats", "--json").out)["queries"]["keys"]
            self.assertEqual(
                [(key["name"], key["queries"], key["over_quota"])
                 for key in keys], [("acme", 5, 1), ("k2…", 0, 0)])


if __name__ == "__main__":
    runner.main()
