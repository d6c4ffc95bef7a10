"""Backup while it runs, restore, and the daily commands of docs/OPERATIONS.md."""

import os
import time
import unittest

from tests.harness import control
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import runner


class OperationsTest(unittest.TestCase):

    def setUp(self):
        self.scratch = daemon.Scratch()
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        self.rbld = daemon.Rbld(self.scratch).start()
        self.addCleanup(self.rbld.__exit__)

    def must(self, *args, stdin=None):
        result = self.rbld.ctl(*args, stdin=stdin)
        self.assertEqual(result.code, 0, "%s: %r" % (" ".join(args), result))
        return result.out

    def listed(self, address):
        return self.rbld.ask_address(address).values(dns_client.A) == [
            "127.0.0.2"]

    def serial(self):
        return self.rbld.ask(self.rbld.zone, dns_client.SOA).answer[0].value[2]

    def store_status(self):
        client = control.Control(self.rbld.socket_path)
        try:
            return client.request("GET", "/v1/status")["store"]
        finally:
            client.close()

    def test_a_restored_backup_answers_as_then_under_a_new_epoch(self):
        self.rbld.add("192.0.2.1", "2001:db8::/48", "bad.example.com")
        backup = self.scratch.join("backup")
        self.must("backup", backup)
        self.rbld.add("192.0.2.2")
        self.must("remove", "192.0.2.1")
        last_serial = self.serial()
        epoch = self.store_status()["epoch"]
        self.assertEqual(self.rbld.stop(), 0)

        os.rename(self.rbld.store_path, self.scratch.join("old"))
        result = self.rbld.ctl("restore", backup, self.rbld.store_path)
        self.assertEqual(result.code, 0, result)
        self.rbld.start()
        self.assertTrue(self.listed("192.0.2.1"))
        self.assertFalse(self.listed("192.0.2.2"))
        self.assertTrue(self.listed("2001:db8::7"))
        self.assertEqual(self.rbld.ask("bad.example.com." + self.rbld.zone)
                         .values(dns_client.A), ["127.0.0.2"])
        self.assertNotEqual(self.store_status()["epoch"], epoch)
        # The serials of the changes that are lost are not used again.
        self.assertGreater(self.serial(), last_serial)

    def test_restore_refuses_a_folder_that_holds_something(self):
        backup = self.scratch.join("backup")
        self.must("backup", backup)
        result = self.rbld.ctl("restore", backup, self.rbld.store_path)
        self.assertEqual(result.code, 3, result)
        self.assertIn(self.rbld.store_path, result.err)
        self.assertTrue(self.listed("127.0.0.2"))

    def test_an_expiry_takes_a_listing_off_in_its_second(self):
        self.must("add", "192.0.2.9", "--expires", "2s")
        self.assertTrue(self.listed("192.0.2.9"))
        time.sleep(3.5)
        self.assertFalse(self.listed("192.0.2.9"))
        # One record a line, newest first.
        history = self.must("history", "192.0.2.9", "--json").splitlines()
        self.assertEqual(len(history), 2, history)

    def test_an_exemption_wins_over_a_feed_and_goes_away(self):
        feed = self.scratch.write("feed", "192.0.2.0/24\n")
        self.rbld.import_feed(feed, "feed")
        self.must("exempt", "192.0.2.9", "--note", "our customer")
        self.assertFalse(self.listed("192.0.2.9"))
        self.assertTrue(self.listed("192.0.2.8"))
        self.rbld.import_feed(feed, "feed")
        self.assertFalse(self.listed("192.0.2.9"))
        self.must("unexempt", "192.0.2.9")
        self.assertTrue(self.listed("192.0.2.9"))

    def test_reason_code_and_ttl_of_one_listing(self):
        self.must("add", "192.0.2.9", "--code", "127.0.0.4", "--reason",
                  "seen at $", "--ttl", "77", "--note", "ticket 17", "--why",
                  "a complaint")
        answer = self.rbld.ask_address("192.0.2.9")
        self.assertEqual(answer.values(dns_client.A), ["127.0.0.4"])
        self.assertEqual(answer.answer[0].ttl, 77)
        self.assertEqual(
            self.rbld.ask_address("192.0.2.9", dns_client.TXT).values(
                dns_client.TXT), ["seen at 192.0.2.9"])
        self.assertIn("ticket 17", self.must("show", "192.0.2.9"))
        self.assertIn("a complaint", self.must("history", "192.0.2.9"))
        self.assertIn("a complaint", self.must("audit"))
        self.assertIn("192.0.2.9", self.must("find", "--within",
                                             "192.0.2.0/24"))

    def test_every_reading_command_succeeds(self):
        self.rbld.add("192.0.2.9")
        for args in (["status"], ["stats"], ["list", "ls"],
                     ["list", "show", "relays"], ["zone", "ls"],
                     ["zone", "show", self.rbld.zone], ["audit"], ["find"],
                     ["--help"], ["add", "--help"], ["--version"]):
            self.assertTrue(self.must(*args).strip(), args)
        for args in (["status"], ["stats"], ["list", "ls"], ["zone", "ls"],
                     ["show", "192.0.2.9"]):
            self.rbld.ctl_json(*args)

    def test_offline_work_needs_the_daemon_to_be_gone(self):
        self.rbld.add("192.0.2.9")
        offline = ["--store", self.rbld.store_path, "--config",
                   self.rbld.config_path]
        result = self.rbld.ctl("show", "192.0.2.9", *offline)
        self.assertEqual(result.code, 3, result)
        self.rbld.stop()
        result = self.rbld.ctl("show", "192.0.2.9", *offline)
        self.assertEqual(result.code, 0, result)
        result = self.rbld.ctl("remove", "192.0.2.9", *offline)
        self.assertEqual(result.code, 0, result)
        self.rbld.start()
        self.assertFalse(self.listed("192.0.2.9"))


if __name__ == "__main__":
    runner.main()
