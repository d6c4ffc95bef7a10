"""The units and the defaults of Debian's rbldnsd package, run with our rbldnsd.

ExecStart is taken from the unit and run as it stands, in namespaces where our
program lies over /usr/sbin/rbldnsd; a small manager waits for READY=1 from the
main process, and systemd-socket-activate passes sockets.
"""

import os
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import namespace
from tests.harness import runner

UNITS = "/lib/systemd/system/"
DEFAULTS = "/etc/default/rbldnsd"
PACKAGED = "/usr/sbin/rbldnsd"
HEAD = ("$SOA 0 example.org. hostmaster.example.com. 0 1h 1h 2d 1h\n"
        "$NS 1d ns0.example.org\n")
ZONE = "bl.example.com"
USER = "nobody"
WAIT_SECONDS = 30.0


def unit_values(name, key):
    with open(UNITS + name) as unit:
        return re.findall(r"^%s=(.*)$" % key, unit.read(), re.M)


class Manager:
    """Waits for messages as systemd does with Type=notify."""

    def __init__(self, scratch):
        self.path = scratch.join("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        # As systemd's is: its folder is not for everybody to enter.
        os.chmod(self.path, 0o700)

    def next(self, pid):
        """The next message of the main process; others do not count."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            message, more, _, _ = self.socket.recvmsg(4096, 64)
            if struct.unpack("iii", more[0][2][:12])[0] == pid:
                return message.decode().splitlines()
        return ["no message"]

    def close(self):
        self.socket.close()


@unittest.skipUnless(os.path.exists(UNITS + "rbldnsd.service"),
                     "Debian's rbldnsd is not installed")
class UnitCase(unittest.TestCase):
    def setUp(self):
        if namespace.why_not():
            self.skipTest(namespace.why_not())
        self.scratch = daemon.Scratch(mode=0o755)
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        self.manager = Manager(self.scratch)
        self.addCleanup(self.manager.close)
        self.exec_start = shlex.split(
            unit_values("rbldnsd.service", "ExecStart")[0])
        self.assertEqual(unit_values("rbldnsd.service", "Type"), ["notify"])
        self.data = self.scratch.join("data")
        path = self.scratch.write("data/list", HEAD + "192.0.2.1 listed\n")
        os.chmod(self.data, 0o755)
        os.chmod(path, 0o644)

    def defaults(self, line):
        """Our text in the place of the defaults, for this test."""
        path = self.scratch.write("defaults", "RBLDNSD=\"%s\"\n" % line)
        namespace.use_files({DEFAULTS: path})
        self.addCleanup(subprocess.run, ["umount", DEFAULTS], check=True)

    def start(self, argv, **more):
        env = dict(os.environ, NOTIFY_SOCKET=self.manager.path, **more)
        program = daemon.Program(argv, self.scratch.join("log"), cwd="/",
                                 env=env)
        self.addCleanup(program.__exit__)
        return program

    def await_ready(self, program):
        messages = []
        while messages[-1:] != [["READY=1"]]:
            message = self.manager.next(program.pid)
            messages.append(message)
            self.assertNotEqual(message, ["no message"], program.log())
        self.assertTrue(program.running(), program.log())

    def listed(self, server="127.0.0.1", port=53, tcp=False):
        answer = dns_client.ask(
            (server, port), dns_client.reversed_name("192.0.2.1", ZONE),
            dns_client.TXT, tcp=tcp)
        self.assertEqual(answer.values(dns_client.TXT), ["listed"])

    def end(self, program):
        program.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.manager.next(program.pid), ["STOPPING=1"])
        self.assertEqual(program.process.wait(WAIT_SECONDS), 0, program.log())


class ServiceTest(UnitCase):

    def test_the_defaults_as_they_are_packaged(self):
        program = self.start(self.exec_start)
        self.await_ready(program)
        answer = dns_client.ask(("127.0.0.2", 53), "x.example.net")
        self.assertEqual(answer.rcode_name, "NXDOMAIN")
        self.end(program)

    def test_an_instance_of_the_template(self):
        exec_start = [word.replace("%i", "other") for word in shlex.split(
            unit_values("rbldnsd@.service", "ExecStart")[0])]
        self.defaults("- -b 127.0.0.9 z:generic:/nowhere\n"
                      "other -w %s -b127.1 %s:ip4set:list -u %s"
                      % (self.data, ZONE, USER))
        program = self.start(exec_start)
        self.await_ready(program)
        self.listed()
        self.end(program)

    def jail(self, options):
        self.defaults("- %s -r %s -b 127.0.0.1 -u %s %s:ip4set:list" % (
            options, self.data, USER, ZONE))
        program = self.start(self.exec_start)
        self.await_ready(program)
        self.listed()
        self.assertEqual(os.readlink("/proc/%d/root" % program.pid), self.data)
        # ExecReload, and a manager that waits for its end.
        self.assertIn("kill -HUP",
                      unit_values("rbldnsd.service", "ExecReload")[0])
        program.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.manager.next(program.pid)[0], "RELOADING=1")
        self.await_ready(program)
        self.end(program)
        self.assertNotIn("NOTIFY_SOCKET", program.log())

    def test_in_a_jail(self):
        self.jail("")

    def test_in_a_jail_in_the_foreground(self):
        self.jail("-n")

    def test_quick_start_in_a_jail(self):
        self.jail("-q")


@unittest.skipUnless(daemon.find_program("systemd-socket-activate"),
                     "systemd is not installed")
class SocketTest(UnitCase):

    def activate(self, *options):
        """ExecStart behind systemd-socket-activate, which execs it."""
        program = self.start(["systemd-socket-activate",
                              "--setenv=NOTIFY_SOCKET", *options,
                              *self.exec_start])
        # What activates it is its first query, which is kept for it.
        daemon.wait_until("the socket", lambda: "Listening" in program.log(),
                          program)
        return program

    def serve(self, options, defaults, ask):
        self.defaults(defaults)
        program = self.activate(*options)
        ask()
        self.await_ready(program)
        ask()
        return program

    def test_datagrams_in_a_jail_with_the_units_addresses(self):
        listen = unit_values("rbldnsd.socket", "ListenDatagram")
        self.assertIn("0.0.0.0:53", listen)
        program = self.serve(
            ["--datagram", "--listen=0.0.0.0:53"],
            "- -r %s -b 127.0.0.7 -u %s %s:ip4set:list"
            % (self.data, USER, ZONE), self.listed)
        # From the address that was asked, though the socket has them all.
        self.listed("127.0.0.5")
        with open("/proc/%d/environ" % program.pid) as environ:
            self.assertIn("LISTEN_FDS", environ.read())
        self.end(program)

    def test_streams(self):
        program = self.serve(
            ["--listen=127.0.0.1:53"], "- -w %s -b 127.0.0.7 -u %s %s:ip4set:"
            "list" % (self.data, USER, ZONE), lambda: self.listed(tcp=True))
        self.end(program)

    def test_a_wildcard_for_both_families_is_refused_with_the_cure(self):
        self.defaults("- -w %s -u %s %s:ip4set:list" % (self.data, USER, ZONE))
        program = self.activate("--datagram", "--listen=53")
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
            client.sendto(b"?", ("::1", 53))
            self.assertEqual(program.process.wait(WAIT_SECONDS), 1)
        self.assertIn("BindIPv6Only=ipv6-only", program.log())

    def test_an_address_beside_the_passed_ones(self):
        """-b in front of the wrapper, which takes it out."""
        exec_start = self.exec_start
        self.exec_start = [PACKAGED, "-n", "-b", "127.0.0.7", "-w", self.data,
                           "-u", USER, ZONE + ":ip4set:list"]
        try:
            program = self.serve(["--datagram", "--listen=127.0.0.1:53"],
                                 "-", self.listed)
        finally:
            self.exec_start = exec_start
        self.listed("127.0.0.7")
        self.listed("127.0.0.7", tcp=True)
        self.end(program)

    def test_in_the_background_without_a_manager(self):
        """Debian's rbldnsd loses its sockets then."""
        self.manager.path = ""
        pid_file = self.scratch.join("pid")
        self.exec_start = [PACKAGED, "-p", pid_file, "-w", self.data, "-u",
                           USER, ZONE + ":ip4set:list"]
        program = self.activate("--datagram", "--listen=127.0.0.1:53")
        self.listed()
        self.assertEqual(program.process.wait(WAIT_SECONDS), 0, program.log())
        self.listed()
        with open(pid_file) as text:
            pid = int(text.read())
        os.kill(pid, signal.SIGTERM)
        # We are the first process of the namespace, so it is ours now.
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


class RbldSocketsTest(UnitCase):
    """rbld's own: UDP and TCP, shared by two workers."""

    @staticmethod
    def watched_sockets(pid):
        """How many Internet sockets each event loop waits on."""
        folder = "/proc/%d/fd/" % pid
        with open("/proc/%d/net/udp" % pid) as udp, \
                open("/proc/%d/net/tcp" % pid) as tcp:
            inodes = {line.split()[9] for table in (udp, tcp)
                      for line in table.readlines()[1:]}
        counts = []
        for fd in os.listdir(folder):
            if os.readlink(folder + fd) != "anon_inode:[eventpoll]":
                continue
            with open("/proc/%d/fdinfo/%s" % (pid, fd)) as info:
                watched = re.findall(r"^tfd: +(\d+)", info.read(), re.M)
            links = [os.readlink(folder + one) for one in watched]
            counts.append(sum(link[len("socket:["):-1] in inodes
                              for link in links))
        return counts

    def test_two_workers_share_them(self):
        config = self.scratch.write("rbld.toml", (
            "[server]\nlisten = [\"127.0.0.1:53\"]\nworkers = 2\n"
            "[[list]]\nname = \"l\"\n"
            "[[zone]]\nname = \"%s\"\nkind = \"files\"\nlists = [\"l\"]\n"
            "metadata = \"files\"\n"
            "[[dataset]]\nname = \"d\"\ntype = \"ip4set\"\nlists = [\"l\"]\n"
            "files = [\"%s/list\"]\n") % (ZONE, self.data))
        sockets = [socket.socket(socket.AF_INET, kind)
                   for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
        for passed in sockets:
            passed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            passed.bind(("127.0.0.1", 53))
            self.addCleanup(passed.close)
        sockets[1].listen()
        # sd_listen_fds(3): from 3 on, for the process of that id.
        script = ("import os, sys\nfds = [int(x) for x in sys.argv[1:3]]\n"
                  "copies = [os.dup(os.dup(os.dup(fd))) for fd in fds]\n"
                  "for i, fd in enumerate(copies):\n"
                  "    os.dup2(fd, 3 + i)\n"
                  "os.environ['LISTEN_PID'] = str(os.getpid())\n"
                  "os.environ['LISTEN_FDS'] = '2'\n"
                  "os.execv(sys.argv[3], sys.argv[3:])\n")
        env = dict(os.environ, NOTIFY_SOCKET=self.manager.path)
        process = subprocess.Popen(
            [sys.executable, "-c", script, *[str(s.fileno()) for s in sockets],
             daemon.rbld_path(), "--config", config],
            env=env, pass_fds=[s.fileno() for s in sockets],
            stderr=open(self.scratch.join("log"), "ab"))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(self.manager.next(process.pid), ["READY=1"],
                         open(self.scratch.join("log")).read())
        for passed in sockets:
            passed.close()
        self.assertEqual(self.watched_sockets(process.pid), 2 * [2])
        for _ in range(200):
            self.listed()
        for _ in range(20):
            self.listed(tcp=True)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(WAIT_SECONDS), 0)


if __name__ == "__main__":
    namespace.enter()
    if not namespace.why_not() and os.path.exists(PACKAGED):
        namespace.use_network("198.51.100.0/24")
        # Beside it, rbld is found by its path.
        namespace.use_files({PACKAGED: daemon.runfile("tools/rbldnsd")})
        os.environ["PATH"] = "%s:%s" % (
            os.path.dirname(daemon.rbld_path()),
            os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
    runner.main()
