"""Starting, stopping, reloading, and what an operator is told when it fails."""

import os
import signal
import socket
import subprocess
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import runner

END_TIMEOUT_SECONDS = 30


class StartTest(unittest.TestCase):

    def setUp(self):
        self.scratch = daemon.Scratch()
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)

    def other_scratch(self):
        other = daemon.Scratch()
        other.__enter__()
        self.addCleanup(other.__exit__)
        return other

    def run_to_end(self, *flags):
        """rbld that is expected to end by itself: (exit status, output)."""
        done = subprocess.run([daemon.rbld_path()] + list(flags),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL,
                              encoding="utf-8", errors="replace",
                              timeout=END_TIMEOUT_SECONDS)
        return done.returncode, done.stdout

    def edit_config(self, rbld, old, new):
        with open(rbld.config_path) as text:
            config = text.read()
        self.assertIn(old, config)
        with open(rbld.config_path, "w") as out:
            out.write(config.replace(old, new))

    def test_ends_with_zero_on_sigterm_and_on_sigint(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            rbld = daemon.Rbld(self.scratch).start()
            self.assertEqual(rbld.program.stop(sig), 0, rbld.program.log())
            self.assertFalse(os.path.exists(rbld.socket_path))

    def test_check_config_accepts_a_good_file_and_makes_no_store(self):
        rbld = daemon.Rbld(self.scratch)
        code, out = self.run_to_end("--check_config", "--config",
                                    rbld.config_path)
        self.assertEqual(code, 0, out)
        self.assertFalse(os.path.exists(rbld.store_path))

    def test_an_unknown_key_is_named_with_file_and_line(self):
        rbld = daemon.Rbld(self.scratch)
        self.edit_config(rbld, "workers =", "wrokers =")
        line = 1 + open(rbld.config_path).read().split("wrokers")[0].count("\n")
        for flags in (["--check_config"], []):
            code, out = self.run_to_end("--config", rbld.config_path, *flags)
            self.assertNotEqual(code, 0)
            self.assertIn("%s:%d" % (rbld.config_path, line), out)
            self.assertIn("wrokers", out)
        self.assertFalse(os.path.exists(rbld.store_path))

    def test_a_missing_config_file_is_named(self):
        path = self.scratch.join("none.toml")
        code, out = self.run_to_end("--config", path)
        self.assertNotEqual(code, 0)
        self.assertIn(path, out)

    def test_a_second_daemon_on_the_same_store_is_refused(self):
        with daemon.Rbld(self.scratch) as first:
            first.add("192.0.2.9")
            second = daemon.Rbld(self.other_scratch())
            self.edit_config(second, second.store_path, first.store_path)
            code, out = self.run_to_end("--config", second.config_path)
            self.assertNotEqual(code, 0)
            self.assertIn(first.store_path, out)
            self.assertEqual(
                first.ask_address("192.0.2.9").values(dns_client.A),
                ["127.0.0.2"])

    def test_a_control_socket_in_use_is_refused_and_left_alone(self):
        with daemon.Rbld(self.scratch) as first:
            second = daemon.Rbld(self.other_scratch())
            self.edit_config(second, second.socket_path, first.socket_path)
            code, out = self.run_to_end("--config", second.config_path)
            self.assertNotEqual(code, 0)
            self.assertIn(first.socket_path, out)
            self.assertEqual(first.ctl("status").code, 0)

    def test_a_socket_left_by_a_killed_daemon_is_no_obstacle(self):
        rbld = daemon.Rbld(self.scratch).start()
        rbld.add("192.0.2.9")
        rbld.kill()
        self.assertTrue(os.path.exists(rbld.socket_path))
        with rbld:
            daemon.wait_until("the control socket",
                              lambda: rbld.ctl("status").code == 0)
            self.assertEqual(rbld.ctl("status").code, 0)
            self.assertEqual(
                rbld.ask_address("192.0.2.9").values(dns_client.A),
                ["127.0.0.2"])

    def test_a_port_in_use_is_named(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            rbld = daemon.Rbld(self.scratch)
            taken.bind(("127.0.0.1", rbld.port))
            code, out = self.run_to_end("--config", rbld.config_path)
            self.assertNotEqual(code, 0)
            self.assertIn("127.0.0.1:%d" % rbld.port, out)

    def test_a_reload_that_fails_leaves_the_old_configuration_serving(self):
        with daemon.Rbld(self.scratch) as rbld:
            rbld.add("192.0.2.9")
            self.edit_config(rbld, "[[zone]]", "[[zoen]]")
            result = rbld.ctl("reload")
            self.assertNotEqual(result.code, 0)
            self.assertIn("zoen", result.out + result.err)
            self.assertEqual(
                rbld.ask_address("192.0.2.9").values(dns_client.A),
                ["127.0.0.2"])
            self.edit_config(rbld, "[[zoen]]", "[[zone]]")
            self.edit_config(rbld, "ttl = 300", "ttl = 77")
            result = rbld.ctl("reload")
            self.assertEqual(result.code, 0, result)
            self.assertEqual(rbld.ask_address("192.0.2.9").answer[0].ttl, 77)

    def test_a_retired_zone_lists_nothing_at_all(self):
        with daemon.Rbld(self.scratch, zone_keys='state = "retired"') as rbld:
            rbld.add("192.0.2.9")
            for address in ("192.0.2.9", "127.0.0.2"):
                self.assertEqual(rbld.ask_address(address).rcode_name,
                                 "NXDOMAIN", address)


class ExitCodeTest(unittest.TestCase):
    """rblctl: 0 done, 1 nothing found, 2 usage, 3 refused, 4 no daemon."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = daemon.Scratch()
        cls.scratch.__enter__()
        cls.addClassCleanup(cls.scratch.__exit__)
        cls.rbld = daemon.Rbld(cls.scratch).start()
        cls.addClassCleanup(cls.rbld.__exit__)

    def code_of(self, code, *args):
        result = self.rbld.ctl(*args)
        self.assertEqual(result.code, code, result)
        return result

    def test_done_and_nothing_found(self):
        self.code_of(0, "add", "192.0.2.9")
        self.code_of(0, "show", "192.0.2.9")
        self.code_of(0, "remove", "192.0.2.9")
        self.code_of(1, "show", "192.0.2.9")
        self.code_of(1, "remove", "192.0.2.9")

    def test_usage(self):
        self.code_of(2, "no-such-verb")
        self.code_of(2, "add", "not an address!")

    def test_refused_with_the_reason_and_nothing_changed(self):
        result = self.code_of(3, "add", "127.0.0.1")
        self.assertIn("127.0.0.1", result.err)
        result = self.code_of(3, "add", "0.0.0.0/0")
        self.assertIn("0.0.0.0/0", result.err)
        self.assertEqual(self.rbld.ask_address("8.8.8.8").rcode_name,
                         "NXDOMAIN")

    def test_no_daemon(self):
        with daemon.Scratch() as empty:
            missing = daemon.Rbld(empty)
            result = missing.ctl("status")
            self.assertEqual(result.code, 4, result)
            self.assertIn(missing.socket_path, result.err)

    def test_dry_run_changes_nothing(self):
        self.code_of(0, "add", "192.0.2.77", "--dry-run")
        self.assertEqual(self.rbld.ask_address("192.0.2.77").rcode_name,
                         "NXDOMAIN")

    def test_a_batch_on_standard_input_is_all_or_nothing(self):
        result = self.rbld.ctl("add", "-",
                               stdin="192.0.2.80\n192.0.2.81\n127.0.0.1\n")
        self.assertEqual(result.code, 3, result)
        self.assertEqual(self.rbld.ask_address("192.0.2.80").rcode_name,
                         "NXDOMAIN")
        result = self.rbld.ctl("add", "-",
                               stdin="192.0.2.80\n192.0.2.81\n")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(
            self.rbld.ask_address("192.0.2.81").values(dns_client.A),
            ["127.0.0.2"])


if __name__ == "__main__":
    runner.main()
