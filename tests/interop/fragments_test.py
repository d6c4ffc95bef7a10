"""Replies are never sent in fragments, nor may they become ones on the way.

RFC 9715 §3.1: IPv4 replies have "Don't Fragment" set. One that is longer than
its interface takes at once says so with TC, and the client asks by TCP.
"""

import socket
import struct
import subprocess
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import namespace
from tests.harness import runner

ADDRESS = "192.0.2.1"
# A TXT reply with it is longer than SMALL_MTU and shorter than 1232 bytes.
REASON = "x" * 700
SMALL_MTU = 600

ETH_P_IP = 0x0800
IP_PROTO_UDP = 17
DONT_FRAGMENT = 0x4000
FRAGMENT = 0x3fff  # more of them, or an offset


def set_mtu(bytes_):
    subprocess.run(["ip", "link", "set", "lo", "mtu", str(bytes_), "up"],
                   check=True)


class Capture:
    """The IPv4 headers' (flags and offset, identification) of all UDP."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                     socket.htons(ETH_P_IP))
        self._socket.bind(("lo", ETH_P_IP))
        self._socket.settimeout(0.2)

    def from_port(self, port):
        found = []
        try:
            while True:
                packet = self._socket.recv(65536)
                header = (packet[0] & 0xf) * 4
                if packet[9] == IP_PROTO_UDP and \
                        struct.unpack_from("!H", packet, header)[0] == port:
                    found.append(struct.unpack_from("!H", packet, 6)[0])
        except socket.timeout:
            return found

    def close(self):
        self._socket.close()


class FragmentsTest(unittest.TestCase):

    def setUp(self):
        if namespace.why_not():
            self.skipTest("no namespaces of our own: " + namespace.why_not())
        set_mtu(65536)
        self.addCleanup(set_mtu, 65536)
        self.scratch = daemon.Scratch()
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        self.rbld = daemon.Rbld(self.scratch, ipv6=False,
                                list_keys='reason = "%s"' % REASON)
        self.rbld.start()
        self.addCleanup(self.rbld.__exit__)
        self.rbld.add(ADDRESS)
        self.name = dns_client.reversed_name(ADDRESS, self.rbld.zone)

    def dig(self, *args):
        done = subprocess.run(
            ["dig", "@127.0.0.1", "-p", str(self.rbld.port), "+tries=1",
             "+time=5", "+norecurse", self.name] + list(args),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_replies_say_that_nobody_may_fragment_them(self):
        capture = Capture()
        self.addCleanup(capture.close)
        self.assertIn("ANSWER: 1", self.dig("TXT", "+bufsize=1232"))
        flags = capture.from_port(self.rbld.port)
        self.assertTrue(flags)
        for word in flags:
            self.assertEqual(word, DONT_FRAGMENT)

    def test_what_the_interface_does_not_take_comes_by_tcp(self):
        set_mtu(SMALL_MTU)
        capture = Capture()
        self.addCleanup(capture.close)
        cut = self.dig("TXT", "+bufsize=1232", "+ignore")
        self.assertIn("status: NOERROR", cut)
        self.assertIn(" tc", cut.split("flags:", 1)[1].split(";", 1)[0])
        self.assertIn("ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1", cut)
        self.assertIn("EDNS: version: 0", cut)
        # dig asks by TCP of itself.
        whole = self.dig("TXT", "+bufsize=1232")
        self.assertIn(REASON[:255], whole)
        # What fits is whole.
        self.assertIn("127.0.0.2", self.dig("A"))
        for word in capture.from_port(self.rbld.port):
            self.assertEqual(word & FRAGMENT, 0)
        totals = self.rbld.ctl_json("stats")["queries"]["totals"]
        self.assertEqual(totals["udp_send_drops"], 0)


if __name__ == "__main__":
    namespace.enter()
    runner.main()
