"""rbldnsd's command line on rbld: as a service starts it, as its users' test
harness asks it, and behind a resolver that minimises names.
"""

import os
import re
import signal
import subprocess
import time
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import resolver
from tests.harness import runner

ZONE = "bl.example.com"
HEAD = ("$SOA 0 example.org. hostmaster.example.com. 0 1h 1h 2d 1h\n"
        "$NS 1d ns0.example.org\n")
# Of "nobody", who is on every Debian, as the package's own user may not be.
USER = "nobody"


def front_path():
    return daemon.runfile("tools/rbldnsd")


class FrontCase(unittest.TestCase):
    """Starts the front, or another rbldnsd, and asks it."""

    def setUp(self):
        self.scratch = daemon.Scratch(mode=0o755)
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        self.port = daemon.free_port()
        self.server = ("127.0.0.1", self.port)

    def write(self, name, text, head=HEAD):
        path = self.scratch.write(name, head + text)
        os.chmod(path, 0o644)
        return path

    def arguments(self, *specs, options=()):
        user = ["-u", USER] if os.geteuid() == 0 else []
        return [front_path(), *user, "-b", "127.0.0.1/%d" % self.port,
                "-w", self.scratch.path, *options, *specs]

    def start(self, *specs, options=(), path=None):
        argv = self.arguments(*specs, options=("-n",) + tuple(options))
        if path:
            argv[0] = path
        program = daemon.Program(argv, self.scratch.join("front.log"))
        self.addCleanup(program.__exit__)
        daemon.wait_until("rbldnsd", lambda: daemon.answers(
            self.server, "dummy.nonexisting.zone"), program)
        return program

    def ask(self, name, rtype=dns_client.TXT, **kwargs):
        return dns_client.ask(self.server, name, rtype, **kwargs)

    def texts(self, address, rtype=dns_client.TXT):
        """What the harness checks: one answer at most, RD clear."""
        answer = self.ask(dns_client.reversed_name(address, ZONE), rtype)
        self.assertLessEqual(len(answer.answer), 1)
        if answer.rcode == dns_client.NXDOMAIN:
            return None
        self.assertEqual(answer.rcode, dns_client.NOERROR)
        return answer.values(rtype)[0] if answer.answer else ""


class DumpTest(FrontCase):
    """-d: the zones as files for other name servers."""

    def dump(self, *specs):
        return subprocess.run(
            [front_path(), "-d", "-w", self.scratch.path, *specs],
            capture_output=True, text=True, timeout=60)

    def test_another_server_takes_the_zone(self):
        self.write("set", ":3:see $\n192.0.2.0/30\n!192.0.2.2\nnonsense\n"
                   "10.0.0.0/24 :4:\n")
        self.write("more", "@ MX 5 mx.example\nwww 60 A 203.0.113.80\n", head="")
        self.write("comb", "$DATASET dnset sub\n.spam.example :5:name $\n"
                   "!ok.spam.example\n", head="")
        done = self.dump(ZONE + ":ip4set:set", ZONE + ":generic:more",
                         ZONE + ":combined:comb")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"set:6: .*; the line is left out")
        path = self.scratch.write("zone", done.stdout)
        check = subprocess.run(["nsd-checkzone", ZONE, path],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        lines = done.stdout.splitlines()
        for line in ['1.2.0.192 2100 IN TXT "see 192.0.2.1"',
                     "*.0.0.10 2100 IN A 127.0.0.4",
                     "www 60 IN A 203.0.113.80",
                     "$ORIGIN sub." + ZONE + ".",
                     '*.spam.example 2100 IN TXT "name spam.example"']:
            self.assertIn(line, lines)
        self.assertNotIn("2.2.0.192 2100 IN A 127.0.0.3", lines)

    def test_odd_names_are_escaped_and_what_cannot_be_is_left_out(self):
        self.write("names", "bad(phishing).example one\n\\036x.example\n"
                   "a;b.example two\n\\042.star.example\n@.example\n")
        done = self.dump(ZONE + ":dnset:names")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 listing left out of %s.zone (\\042.star.example: "
                      % ZONE, done.stderr)
        lines = done.stdout.splitlines()
        for owner in ["bad\\040phishing\\041", "\\036x", "a\\059b", "\\064"]:
            self.assertIn(owner + ".example 2100 IN A 127.0.0.2", lines)
        self.assertNotIn("star", done.stdout)
        path = self.scratch.write("zone", done.stdout)
        for checker in "nsd-checkzone", "named-checkzone":
            check = subprocess.run([checker, ZONE, path],
                                   capture_output=True, text=True, timeout=60)
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_the_files_are_those_of_the_jail(self):
        if os.geteuid() != 0:
            self.skipTest("chroot wants root")
        self.write("jail/sub/set", "192.0.2.7\n")
        jail = self.scratch.join("jail")
        for path in (front_path(), "/usr/sbin/rbldnsd"):
            for work, name, code in (("sub", "set", 0), ("/sub", "set", 0),
                                     ("/", "/sub/set", 0), (jail, "set", 1)):
                done = subprocess.run(
                    [path, "-d", "-r", jail, "-w", work,
                     ZONE + ":ip4set:" + name],
                    capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, code, (path, work))
                self.assertEqual("7.2.0.192" in done.stdout, code == 0)

    def test_a_missing_file_is_named(self):
        done = self.dump(ZONE + ":ip4set:none")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none: opening a data file", done.stderr)
        self.assertEqual(done.stdout, "")


class FrontTest(FrontCase):

    def test_the_harness_of_its_users_is_content(self):
        self.write("trie", "1.2.3.0/24 listed\n!1.2.3.4\n1.2.3.0/24 again\n")
        self.write("set", "10.1.0.0/16\n10.1.2.0/24 :3:\n10.1.2.3 :4:x\n")
        self.write("trie6", "dead::/16 listed\n!dead::beef\n")
        program = self.start(
            ZONE + ":ip4trie:trie", ZONE + ":ip4set:set",
            ZONE + ":ip6trie:trie6")
        self.assertEqual(self.ask("dummy.nonexisting.zone").rcode_name,
                         "REFUSED")
        self.assertEqual(self.texts("1.2.3.3"), "listed")
        self.assertIsNone(self.texts("1.2.3.4"))
        self.assertEqual(self.texts("10.1.2.3"), "x")
        self.assertEqual(self.texts("10.1.2.9", dns_client.A), "127.0.0.3")
        self.assertEqual(self.texts("10.1.2.9"), "")
        self.assertEqual(self.texts("dead::1"), "listed")
        self.assertIsNone(self.texts("dead::beef"))
        self.assertIn("duplicated entry for 1.2.3.0/24", program.log())
        self.assertEqual(program.stop(signal.SIGTERM), 0, program.log())

    def test_help_names_the_ipv6_flag(self):
        out = subprocess.run([front_path(), "-h"], capture_output=True,
                             encoding="utf-8", check=True).stdout
        self.assertIn(" -6 ", out)

    def test_mistakes_are_named(self):
        self.write("trie", "1.2.3.4\n")
        good = ZONE + ":ip4trie:trie"
        for arguments, words in (
                ([good], "-b"),
                (["-b", "127.0.0.1/1"], "no zone"),
                (["-b", "127.0.0.1", ZONE + ":bogus:trie"], "bogus"),
                (["-b", "127.0.0.1", ":ip4set:trie"], "only an acl"),
                (["-t", "soon", "-b", "127.0.0.1", good], "soon"),
                (["-Z"], "-Z"),
                (["-x", "a.so"], "extensions")):
            done = subprocess.run([front_path(), *arguments],
                                  capture_output=True, encoding="utf-8")
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(words, done.stderr)

    def run_both(self, *specs, options=()):
        """The front and Debian's rbldnsd, both of which must fail."""
        done = []
        for path in [front_path(), "/usr/sbin/rbldnsd"]:
            argv = self.arguments(*specs, options=("-n",) + tuple(options))
            done.append(subprocess.run([path, *argv[1:]], capture_output=True,
                                       encoding="utf-8", timeout=60))
            self.assertEqual(done[-1].returncode, 1, argv)
        return done

    def test_all_missing_files_are_named_at_once(self):
        self.write("set", "1.2.3.4\n")
        for options in ((), ("-d",)):
            for done in self.run_both(
                    ZONE + ":ip4set:none1,set", "b.test:dnset:set,sub/none2",
                    ZONE + ":ip4set:set", options=options):
                self.assertIn("none1: ", done.stderr)
                self.assertIn("sub/none2: ", done.stderr)
        done = self.run_both(ZONE + ":ip4set:none1")[0]
        self.assertIn("in the folder " + self.scratch.path, done.stderr)

    def test_both_refuse_the_same(self):
        self.write("set", "1.2.3.4\n")
        good = ZONE + ":ip4set:set"
        for arguments in (
                ["-t", "0"], ["-t", ""], ["-t", "60:120"], ["-t", "60::30"],
                ["-t", "1:2:3:4"], ["-c", "x"], ["-F", "bogus"], ["-x", "a.so"],
                ["-X", "a"], ["-Z"], ["--help"], ["-6"], ["-4", "-6"],
                ["-p", "none/pid"], ["-w", "/none"], ["-"], ["--", "-v"],
                ["a.test"], ["a.test:ip4set"], ["a.test:ip4set:"],
                ["a.test:bogus:set"], [":ip4set:set"], [".:ip4set:set"],
                ["-b", "192.0.2.1"], ["-b"]):
            with self.subTest(arguments):
                self.run_both(good, *arguments)
        if os.geteuid() == 0:
            for user in ("root", "0", "none", "nobody:none", "nobody:", "",
                         ":daemon", "4294967295", "65534x"):
                with self.subTest(user=user):
                    self.run_both(good, options=["-u", user])

    def test_options_behind_zones(self):
        """Each takes effect, in both programs."""
        self.write("set", "1.2.3.4 here\n10.1.2.3/24 range\n")
        # The last one holds.
        user = ["-u", "1:1"] if os.geteuid() == 0 else []
        for path in (None, "/usr/sbin/rbldnsd"):
            program = self.start(ZONE + ":ip4set:set", "-v", "-t", "77", "-4",
                                 *user, "b.test:ip4set:set", "-eac", "0",
                                 path=path)
            if user:
                with open("/proc/%d/status" % program.pid) as status:
                    self.assertIn("Uid:\t1\t1\t1\t1\n", status.read())
            answer = self.ask("4.3.2.1." + ZONE, dns_client.A)
            self.assertEqual(answer.answer[0].ttl, 77)
            self.assertEqual(answer.authority, [])
            self.assertEqual(self.texts("10.1.2.200"), "range")
            self.assertEqual(self.ask("4.3.2.1.b.test").values(
                dns_client.TXT), ["here"])
            program.stop()
        dumps = []
        for path in (front_path(), "/usr/sbin/rbldnsd"):
            done = subprocess.run([path, ZONE + ":ip4set:set", "-d", "-w",
                                   self.scratch.path], capture_output=True,
                                  encoding="utf-8", timeout=60)
            dumps.append((done.returncode, "here" in done.stdout))
        self.assertEqual(dumps, [(0, True)] * 2)

    def test_posix_ends_options_at_the_first_zone(self):
        self.write("set", "1.2.3.4 here\n")
        os.environ["POSIXLY_CORRECT"] = "1"
        self.addCleanup(os.environ.pop, "POSIXLY_CORRECT")
        for done in self.run_both(ZONE + ":ip4set:set", "-v"):
            self.assertIn("-v", done.stderr)

    def test_users_by_number(self):
        if os.geteuid() != 0:
            self.skipTest("only root becomes another user")
        self.write("set", "1.2.3.4 here\n")
        for user in ("65534", "102:105", "77777", "77777:7", "nobody:7",
                     "65534:daemon"):
            ids = []
            for path in (front_path(), "/usr/sbin/rbldnsd"):
                program = self.start(ZONE + ":ip4set:set", path=path,
                                     options=["-u", user])
                with open("/proc/%d/status" % program.pid) as status:
                    ids.append(re.findall(r"^([UG]id:.*|Groups:.*?) *$",
                                          status.read(), re.M))
                program.stop()
            self.assertEqual(ids[0], ids[1], user)

    def test_a_log_in_a_folder_that_is_not_there(self):
        self.write("set", "1.2.3.4 here\n")
        os.chmod(self.scratch.path, 0o777)
        program = self.start(ZONE + ":ip4set:set",
                             options=["-l", "later/log"])
        self.assertIn("later/log: ", program.log())
        os.mkdir(self.scratch.join("later"))
        os.chmod(self.scratch.join("later"), 0o777)
        program.process.send_signal(signal.SIGHUP)
        path = self.scratch.join("later", "log")
        daemon.wait_until("the log", lambda: os.path.exists(path), program)
        self.texts("1.2.3.4")
        daemon.wait_until("a line", lambda: "4.3.2.1." in open(path).read(),
                          program)

    def test_the_help_begins_with_a_version(self):
        for path in (front_path(), "/usr/sbin/rbldnsd"):
            done = subprocess.run([path, "-h"], capture_output=True,
                                  encoding="utf-8")
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout.splitlines()[0],
                             r"^rbldnsd: rbl dns daemon version \d+\.\d")
            done = subprocess.run([path], capture_output=True,
                                  encoding="utf-8")
            self.assertEqual(done.returncode, 1)
            self.assertIn(" -6 ", done.stdout)

    def test_a_missing_file_ends_it_and_a_quick_start_serves_on(self):
        argv = self.arguments(ZONE + ":ip4set:none", options=("-n",))
        done = subprocess.run(argv, capture_output=True, encoding="utf-8",
                              timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("none", done.stderr)
        program = self.start(ZONE + ":ip4set:none", options=("-q", "-c", "1"))
        self.assertEqual(
            self.ask("4.3.2.1." + ZONE).rcode_name, "SERVFAIL")
        self.write("none", "1.2.3.4 here\n")
        daemon.wait_until("the file", lambda: self.ask(
            "4.3.2.1." + ZONE).rcode_name == "NOERROR", program)

    def test_a_service_file_starts_it_in_the_background(self):
        """As Debian's /etc/default/rbldnsd has it: -u -r -w -p -c -s."""
        if os.geteuid() != 0:
            self.skipTest("chroot wants root")
        self.write("dsbl/list", "1.2.3.4 listed\n")
        os.chmod(self.scratch.join("dsbl"), 0o777)
        pid_file = self.scratch.join("rbldnsd.pid")
        argv = [front_path(), "-u", USER + ":nogroup", "-r", self.scratch.path,
                "-w", "dsbl", "-b", "127.0.0.1/%d" % self.port, "-c", "1",
                "-t", "5m", "-p", pid_file, "-s", "stats",
                ZONE + ":ip4set:list"]
        with open(self.scratch.join("front.log"), "ab") as log:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, timeout=60)
        log = open(self.scratch.join("front.log")).read()
        self.assertEqual(done.returncode, 0, log)
        with open(pid_file) as text:
            pid = int(text.read())
        try:
            # The foreground ends when questions are answered, not before.
            self.assertEqual(self.texts("1.2.3.4"), "listed")
            status = open("/proc/%d/status" % pid).read()
            self.assertNotIn("Uid:\t0", status)
            self.assertEqual(os.readlink("/proc/%d/root" % pid),
                             self.scratch.path)
            answer = self.ask("4.3.2.1." + ZONE, dns_client.A)
            self.assertEqual(answer.answer[0].ttl, 300)
            stats = self.scratch.join("dsbl", "stats")
            line = re.compile(r"^\d+ bl\.example\.com:(\d+):\d+:\d+:\d+:\d+ "
                              r"\*:\d+:\d+:\d+:\d+:\d+$", re.M)
            daemon.wait_until("a line of counters", lambda: line.search(
                open(stats).read()))
        finally:
            os.kill(pid, signal.SIGTERM)
            daemon.wait_until("its end",
                              lambda: not os.path.exists("/proc/%d" % pid))

    def test_signals_log_counters_and_reload(self):
        self.write("set", "1.2.3.4 one\n")
        program = self.start(ZONE + ":ip4set:set", options=("-c", "0"))
        self.assertEqual(self.texts("1.2.3.4"), "one")
        program.process.send_signal(signal.SIGUSR1)
        daemon.wait_until("counters", lambda: re.search(
            r"stats for \d+sec zone bl\.example\.com: tot=1 ok=1 nxd=0 err=0",
            program.log()), program)
        program.process.send_signal(signal.SIGUSR2)
        daemon.wait_until("the reset",
                          lambda: program.log().count("stats for") == 4)
        self.write("set", "1.2.3.4 two\n")
        # -c 0: nothing is looked at by itself.
        time.sleep(1.2)
        self.assertEqual(self.texts("1.2.3.4"), "one")
        program.process.send_signal(signal.SIGHUP)
        daemon.wait_until("the new file",
                          lambda: self.texts("1.2.3.4") == "two", program)
        program.process.send_signal(signal.SIGUSR1)
        daemon.wait_until("counters from the reset", lambda: re.search(
            r"stats for \d+sec zone bl\.example\.com: tot=\d ", program.log()))

    def test_its_log_of_queries_is_rbldnsds(self):
        self.write("list", "192.0.2.1 :2:text\n")
        os.chmod(self.scratch.path, 0o777)
        names = [(dns_client.reversed_name("192.0.2.1", ZONE), dns_client.A),
                 (dns_client.reversed_name("192.0.2.1", ZONE), dns_client.TXT),
                 (dns_client.reversed_name("192.0.2.9", ZONE), dns_client.A),
                 ("x.elsewhere", dns_client.MX), (ZONE, dns_client.SOA)]
        logs = []
        for path in [front_path(), "/usr/sbin/rbldnsd"]:
            name = "log-" + path.replace("/", "-")
            program = self.start(ZONE + ":ip4set:list", path=path,
                                 options=["-a", "-l", "+" + name])
            for question in names:
                self.ask(*question)
            program.stop()
            with open(self.scratch.join(name)) as log:
                # Without the time, the bytes (rbldnsd compresses the names of
                # a SOA), and what asks whether it runs.
                logs.append([line.split(" ", 1)[1].rsplit("/", 1)[0]
                             for line in log if "nonexisting" not in line])
        self.assertEqual(logs[0], logs[1])
        self.assertEqual(len(logs[0]), len(names))

    def test_a_last_line_without_a_newline_is_an_entry(self):
        path = self.write("set", "1.2.3.4 one\n1.2.3.5 two")
        program = self.start(ZONE + ":ip4set:set", options=("-c", "1"))
        self.assertEqual(self.texts("1.2.3.5"), "two")
        # Found by a look, and taken by the next one.
        with open(path, "w") as out:
            out.write("1.2.3.4 one\n1.2.3.5 two\n1.2.3.6 three")
        daemon.wait_until("the third line",
                          lambda: self.texts("1.2.3.6") == "three", program)

    def test_a_broken_version_leaves_the_good_one(self):
        good = "".join("1.2.3.%d entry\n" % i for i in range(100))
        path = self.write("set", good)
        program = self.start(ZONE + ":ip4set:set", options=("-c", "1"))
        for broken, words in (
                (HEAD + "<html>\n" * 50, "set:3: "),
                (HEAD + good + "$TIMESTAMP 2099:01:01\n", "set:103: "),
                (None, "set: opening a data file")):
            if broken is None:
                os.unlink(path)
            else:
                with open(path, "w") as out:
                    out.write(broken)
            daemon.wait_until("the error", lambda: words in program.log(),
                              program)
            self.assertIn("the last good data serves on", program.log())
            self.assertEqual(self.texts("1.2.3.99"), "entry")
        self.write("set", good.replace("entry", "mended"))
        daemon.wait_until("the mended file",
                          lambda: self.texts("1.2.3.99") == "mended", program)

    def test_answers_that_rbldnsd_cannot_give(self):
        many = "".join("1.2.3.4 :%d:%s\n" % (i, "reason %d " % i * 5)
                       for i in range(2, 60))
        self.write("set", many + "1.2.3.5 " + "long " * 100 + "\n")
        self.start(ZONE + ":ip4set:set")
        udp = self.ask("4.3.2.1." + ZONE, dns_client.TXT)
        self.assertTrue(udp.truncated)
        tcp = self.ask("4.3.2.1." + ZONE, dns_client.TXT, tcp=True)
        self.assertEqual(len(tcp.answer), 58)
        long_text = self.ask("5.3.2.1." + ZONE, tcp=True)
        self.assertEqual(long_text.values(dns_client.TXT),
                         [("long " * 100).strip()])
        self.assertEqual(self.ask("2.1." + ZONE).rcode_name, "NOERROR")


class MinimisedNamesTest(FrontCase):
    """The same zone behind unbound, from rbld and from Debian's rbldnsd."""

    LISTED = ["10.1.0.0", "10.1.255.255", "10.2.3.4", "198.51.100.7",
              "2001:db8::1", "2001:db8:ffff::1"]
    UNLISTED = ["10.0.255.255", "10.2.3.5", "198.51.100.8", "2001:db9::1"]

    def found(self, path):
        self.write("set", "10.1.0.0/16\n10.2.3.4\n198.51.100.0-7\n")
        self.write("trie6", "2001:db8::/32\n")
        self.start(ZONE + ":ip4set:set", ZONE + ":ip6trie:trie6", path=path)
        with resolver.Unbound(self.scratch, [ZONE], self.port,
                              kind="stub", strict=True) as unbound:
            results = {}
            for address in self.LISTED + self.UNLISTED:
                answer = dns_client.ask(
                    unbound.server, dns_client.reversed_name(address, ZONE),
                    flags=dns_client.RD, timeout_seconds=10)
                results[address] = (answer.rcode_name,
                                    bool(answer.values(dns_client.A)))
        return results

    def test_every_listing_is_found(self):
        results = self.found(None)
        for address in self.LISTED:
            self.assertEqual(results[address], ("NOERROR", True), address)
        for address in self.UNLISTED:
            self.assertEqual(results[address], ("NXDOMAIN", False), address)

    def test_rbldnsd_itself_hides_them(self):
        """So that it is known what the test above is worth."""
        results = self.found(daemon.find_program("rbldnsd"))
        hidden = [a for a in self.LISTED if not results[a][1]]
        self.assertTrue(hidden, results)



if __name__ == "__main__":
    runner.main()
