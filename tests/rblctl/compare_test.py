"""rblctl compare: Debian's rbldnsd as OLD, rbld as NEW, and servers that
misbehave.
"""

import gzip
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import runner

ZONE = "bl.example.com"
HEAD = ("$SOA 1h example.org. hostmaster.example.com. 7 1h 1h 2d 1h\n"
        "$NS 1d ns0.example.org\n")
LIST = (HEAD + "$TTL 300\n:127.0.0.2:listed $\n10.1.0.0/16 :4:net\n!10.1.2.3\n"
        "192.0.2.5-17 :127.0.0.3:range\n192.0.2.77\n192.0.2.99\n"
        "203.0.113.0/24\n!203.0.113.128/25\n0.0.0.0\n255.255.255.255\n")
NAMES = ".spam.example :2:bad\nexact.example\n*.sub.example\n!ok.spam.example\n"
SIX = "2001:db8::/32 :2:six\n!2001:db8::beef\n2001:db9:1:2::5 :3:one\n"
EXTRA = "www A 192.0.2.80\n@ TXT hello\nmail 300 MX 10 mx.example.net\n"
COMBINED = (HEAD + "$DATASET ip4set one @\n192.0.2.1\n198.51.100.0/24\n"
            "$DATASET dnset names\nspam.example\n")
SPECS = [ZONE + ":ip4set:list", ZONE + ":ip6trie:six", ZONE + ":dnset:names",
         ZONE + ":generic:extra", "comb.example:combined:combined",
         "bare.example:ip4set:bare"]
FILES = {"list": LIST, "names": NAMES, "six": SIX, "extra": EXTRA,
         "combined": COMBINED,
         "bare": "192.0.2.1 " + "long " * 80 + "\n"
                 + "".join("192.0.2.2 :%d:text %d %s\n" % (i, i, "x" * 40)
                           for i in range(2, 40))}
# What docs/MIGRATING.md says of the same files on both servers.
WANTED = {"test-entry", "empty-non-terminal"}


class Command:
    def __init__(self, arguments, stdin=None):
        done = subprocess.run(
            [daemon.rblctl_path(), "compare", *arguments],
            input=stdin if stdin is not None else b"",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8")
        self.err = done.stderr.decode("utf-8")

    def json(self):
        return json.loads(self.out)

    def kinds(self):
        """{kind: count} of those that there are."""
        return {kind["kind"]: kind["count"] for kind in self.json()["kinds"]
                if kind["count"]}

    def __repr__(self):
        return "exit %d\nstdout: %s\nstderr: %s" % (self.code, self.out,
                                                    self.err)


class RbldnsdCase(unittest.TestCase):
    """Both servers on copies of the same files."""

    def setUp(self):
        self.scratch = daemon.Scratch(mode=0o755)
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        if not daemon.find_program("rbldnsd"):
            self.skipTest("rbldnsd is not installed (scripts/packages.txt)")

    def start(self, name, binary, changes=None):
        """Its address. `changes`: {file: (from, to)}."""
        for file, text in FILES.items():
            if changes and file in changes:
                self.assertIn(changes[file][0], text)
                text = text.replace(*changes[file], 1)
            os.chmod(self.scratch.write(name + "/" + file, text), 0o644)
        folder = self.scratch.join(name)
        os.chmod(folder, 0o755)
        port = daemon.free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        program = daemon.Program(
            [binary, "-n", *user, "-w", folder, "-b", "127.0.0.1/%d" % port,
             *SPECS], self.scratch.join(name + ".log"))
        self.addCleanup(program.__exit__)
        daemon.wait_until(name, lambda: daemon.answers(
            ("127.0.0.1", port), "dummy.nonexisting.zone"), program)
        return "127.0.0.1:%d" % port

    def both(self, changes=None):
        return (self.start("old", daemon.find_program("rbldnsd")),
                self.start("new", daemon.runfile("tools/rbldnsd"), changes))

    def data(self):
        """Options for all the files of ZONE."""
        options = ["--zone", ZONE]
        for spec in SPECS:
            zone, kind, file = spec.split(":")
            if zone == ZONE:
                options += ["--data", "%s:%s" % (
                    kind, self.scratch.join("old", file))]
        return options


class SameFilesTest(RbldnsdCase):

    def test_only_what_is_documented_differs(self):
        old, new = self.both()
        result = Command([old, new, *self.data(), "--rate", "0", "--json"])
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.err, "")
        self.assertEqual(set(result.kinds()), WANTED, result)
        found = result.json()
        self.assertTrue(found["complete"])
        self.assertEqual(found["queries"],
                         found["same"] + found["different"])
        self.assertEqual(found["different"], sum(result.kinds().values()))
        self.assertGreater(found["same_with_records"], 30)
        self.assertGreater(found["same_without_records"], 30)
        self.assertEqual(found["same_errors"], 0)
        # 127.0.0.2 and TEST, for A and TXT, and 127.0.0.2 as IPv6.
        self.assertEqual(result.kinds()["test-entry"], 6)

        result = Command([old, new, *self.data(), "--rate", "0", "--ignore",
                          ",".join(WANTED)])
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out.splitlines()[-1],
                         r"^[\d,]+ queries, [\d,]+ the same, 0 different$")

        combined = Command([old, new, "--zone", "comb.example", "--data",
                            "combined:" + self.scratch.join("old/combined"),
                            "--json"])
        self.assertEqual(set(combined.kinds()), WANTED, combined)

    def test_a_changed_listing_is_all_that_is_shown(self):
        for changes, data, expected in (
                ({"list": ("192.0.2.77\n", "")}, self.data, {"only-old": 2}),
                ({"list": ("192.0.2.77\n", "192.0.2.77\n192.0.2.150\n")},
                 lambda: ["--zone", ZONE, "--names",
                          self.scratch.write("ask", "192.0.2.150\n"
                                             "192.0.2.151\n")],
                 {"only-new": 2}),
                ({"list": ("192.0.2.77\n", "192.0.2.77 :9:listed $\n")},
                 self.data, {"a": 1}),
                ({"list": ("192.0.2.77\n", "192.0.2.77 Listed $\n")},
                 self.data, {"txt": 1}),
                ({"extra": ("MX 10", "MX 20")}, self.data, {"other": 1}),
                ({"extra": ("mail 300", "mail 301")}, self.data, {"ttl": 1})):
            with self.subTest(changes):
                old, new = self.both(changes)
                result = Command([old, new, *data(), "--rate", "0",
                                  "--ignore", ",".join(WANTED), "--json"])
                self.assertEqual(result.code, 1, result)
                shown = {kind: count for kind, count in result.kinds().items()
                         if kind not in WANTED}
                self.assertEqual(shown, expected, result)

    def test_soa_and_serial(self):
        for change, kind in ((("7 1h 1h", "8 1h 1h"), "serial"),
                             (("7 1h 1h", "7 2h 1h"), "soa"),
                             (("2d 1h", "2d 30m"), "negative-ttl")):
            with self.subTest(kind):
                old, new = self.both({"list": change})
                result = Command([old, new, "--names", "-", "--json"],
                                 b"9.9.9.9.bl.example.com A\n")
                self.assertEqual(result.kinds(), {kind: 1}, result)

    def test_every_documented_difference_has_its_kind(self):
        old, new = self.both()
        for line, kind in (
                ("2.0.0.127.bl.example.com A", "test-entry"),
                ("1.10.bl.example.com A", "empty-non-terminal"),
                ("77.2.0.192.bl.example.com ANY", "any"),
                ("77.2.0.192.bl.example.com TYPE250", "rcode"),
                ("bare.example SOA", "rcode"),
                ("bare.example NS", "rcode"),
                ("9.9.9.9.bare.example A", "soa"),
                ("1.2.0.192.bare.example TXT", "txt"),
                ("2.2.0.192.bare.example TXT", "txt"),
                ("077.2.0.192.bl.example.com A", "only-old"),
                ("bl.example.com NS", None),
                ("bl.example.com SOA", None),
                ("77.2.0.192.bl.example.com TXT", None)):
            result = Command([old, new, "--names", "-", "--json"],
                             line.encode() + b"\n")
            self.assertEqual(result.kinds(), {kind: 1} if kind else {}, line)
            self.assertEqual(result.code, 1 if kind else 0, line)

    def test_a_sample_is_a_part_and_the_same_each_time(self):
        old, new = self.both()
        arguments = [old, new, *self.data(), "--rate", "0", "--json",
                     "--max-shown", "1000"]
        whole = Command(arguments).json()
        some = [Command(arguments + ["--sample", "30"]).json()
                for _ in range(2)]
        for one in some + [whole]:
            del one["seconds"]
        self.assertEqual(some[0], some[1])
        self.assertLess(some[0]["queries"], whole["queries"])
        self.assertGreater(some[0]["queries"], 0)

    def test_what_people_see(self):
        old, new = self.both()
        names = self.scratch.write("ask", "bl.example.com\n10.1.2.4\n10.1.2.4\n"
                                   "127.0.0.2 A\nother.example\n1..2\n")
        result = Command([old, new, "--names", names, "--zone", ZONE])
        self.assertEqual(result.code, 1)
        self.assertEqual(result.out.splitlines(), [
            "OLD is %s, NEW is %s" % (old, new),
            "",
            "kind        count    share  what it means",
            "test-entry      1  20.00 %  a test entry (RFC 5782), which rbld "
            "answers itself",
            "",
            "test-entry",
            "  2.0.0.127.bl.example.com A: OLD NXDOMAIN | NEW A 127.0.0.2",
            "",
            "Not asked again: 2 repeated questions",
            "Not asked: 2 questions for other zones or types",
            "5 queries, 4 the same, 1 different"])
        self.assertEqual(
            result.err, "rblctl: left out: %s:6: \"1..2\" is not a name: a "
            "label is empty\n" % names)

    def test_nothing_but_errors_is_no_success(self):
        old, new = self.both()
        result = Command([old, new, "--names", "-"], b"a.test\n")
        self.assertEqual(result.code, 1, result)
        self.assertIn("REFUSED: is it a zone of theirs?", result.out)


# ---- captures, written by hand ----

def udp(payload, port=53):
    return struct.pack("!4H", 40000, port, 8 + len(payload), 0) + payload


def tcp(payload, port=53):
    return struct.pack("!HHIIBBHHH", 40000, port, 1, 1, 0x50, 0x18, 1, 0,
                       0) + struct.pack("!H", len(payload)) + payload


def ipv4(payload, protocol=17):
    return struct.pack("!BBHHHBBH8s", 0x45, 0, 20 + len(payload), 1, 0, 64,
                       protocol, 0, bytes(8)) + payload


def ipv6(payload, protocol=17):
    return struct.pack("!IHBB32s", 0x60000000, len(payload), protocol, 64,
                       bytes(32)) + payload


def ethernet(packet, kind=0x0800):
    return bytes(12) + struct.pack("!H", kind) + packet


def cooked(packet, kind=0x0800):
    return bytes(14) + struct.pack("!H", kind) + packet


def cooked2(packet, kind=0x0800):
    return struct.pack("!H", kind) + bytes(18) + packet


def vlan(packet, kind=0x0800):
    return ethernet(struct.pack("!HH", 7, kind) + packet, 0x8100)


def pcap(link, frames):
    wire = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for frame in frames:
        wire += struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame
    return wire


def pcapng(link, frames):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + size + body + size
    wire = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    wire += block(1, struct.pack("<HHI", link, 0, 65535))
    for frame in frames:
        wire += block(6, struct.pack("<IIIII", 0, 0, 0, len(frame),
                                     len(frame)) + frame)
    return wire


class CaptureTest(RbldnsdCase):

    def setUp(self):
        super().setUp()
        self.old, self.new = self.both()

    def compare(self, capture, *options):
        path = self.scratch.join("capture")
        with open(path, "wb") as out:
            out.write(capture)
        return Command([self.old, self.new, "--pcap", path, "--json",
                        *options])

    @staticmethod
    def queries():
        """One that differs, one that does not, and a repetition of it."""
        return [dns_client.build_query("1.10." + ZONE),
                dns_client.build_query("77.2.0.192." + ZONE, dns_client.TXT),
                dns_client.build_query("77.2.0.192." + ZONE.upper(),
                                       dns_client.TXT, edns_size=1232)]

    def test_every_kind_of_network(self):
        for link, frame in ((1, ethernet), (1, vlan), (113, cooked),
                            (276, cooked2), (101, lambda packet: packet),
                            (0, lambda packet: b"\2\0\0\0" + packet)):
            for write in (pcap, pcapng):
                with self.subTest((link, write)):
                    result = self.compare(write(link, [
                        frame(ipv4(udp(query))) for query in self.queries()]))
                    self.assertEqual(result.kinds(),
                                     {"empty-non-terminal": 1}, result)
                    self.assertEqual(result.json()["queries"], 2)
                    self.assertEqual(result.json()["repeated"], 1)

    def test_ipv6_tcp_and_what_is_no_query(self):
        queries = self.queries()
        reply = bytearray(queries[1])
        reply[2] |= 0x80
        result = self.compare(gzip.compress(pcap(1, [
            ethernet(ipv6(udp(queries[0])), 0x86DD),
            ethernet(ipv4(tcp(queries[1]), 6)),
            ethernet(ipv4(udp(bytes(reply)))),
            ethernet(ipv4(udp(queries[2], port=5353))),
            ethernet(b"", 0x0806), b"short"])))
        self.assertEqual(result.json()["queries"], 2, result)
        self.assertEqual(result.kinds(), {"empty-non-terminal": 1})

    def test_another_port_types_and_all(self):
        capture = pcap(1, [ethernet(ipv4(udp(query, port=5353)))
                           for query in self.queries()])
        result = self.compare(capture)
        self.assertEqual(result.code, 2)
        self.assertIn("no query to port 53 is in its 3 packets; --port N",
                      result.err)
        result = self.compare(capture, "--port", "5353", "--types", "TXT",
                              "--all")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.json()["queries"], 2)
        self.assertEqual(result.json()["outside"], 1)

    def test_a_capture_that_breaks_off_is_compared_up_to_there(self):
        capture = pcap(1, [ethernet(ipv4(udp(query)))
                           for query in self.queries()])
        result = self.compare(capture[:-5])
        self.assertEqual(result.code, 5, result)
        self.assertFalse(result.json()["complete"])
        self.assertIn("truncated", result.json()["stopped_because"])
        self.assertEqual(result.json()["queries"], 2)
        self.assertEqual(self.compare(b"no capture").code, 2)


# ---- servers that misbehave ----

class FakeServer:
    """UDP and TCP on one port of 127.0.0.1.

    `serve(query, tcp)` gives the replies to send, as bytes.
    """

    def __init__(self, serve, tcp=True):
        self._serve = serve
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = None
        while True:
            self._udp.bind(("127.0.0.1", 0))
            self.port = self._udp.getsockname()[1]
            if not tcp:
                break
            self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                self._tcp.bind(("127.0.0.1", self.port))
            except OSError:
                self._tcp.close()
                self._udp.close()
                self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                continue
            self._tcp.listen(64)
            threading.Thread(target=self._accept, daemon=True).start()
            break
        self.address = "127.0.0.1:%d" % self.port
        self.queries = 0
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self):
        while True:
            try:
                query, client = self._udp.recvfrom(65535)
                if not query:  # It was shut down.
                    return
                self.queries += 1
                for reply in self._serve(query, False):
                    self._udp.sendto(reply, client)
            except OSError:
                return

    def _accept(self):
        while True:
            try:
                client, _ = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(client,),
                             daemon=True).start()

    def _converse(self, client):
        with client:
            data = b""
            while True:
                try:
                    piece = client.recv(65535)
                except OSError:
                    return
                if not piece:
                    return
                data += piece
                while len(data) >= 2 and \
                        len(data) - 2 >= struct.unpack_from("!H", data)[0]:
                    size = struct.unpack_from("!H", data)[0]
                    query, data = data[2:2 + size], data[2 + size:]
                    replies = self._serve(query, True)
                    for reply in replies:
                        client.sendall(struct.pack("!H", len(reply)) + reply)
                    if not replies:
                        return

    def close(self):
        for sock in (self._udp, self._tcp):
            if sock is not None:
                # Wakes the thread that waits in it.
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                sock.close()


def reply_to(query, flags=0x8400, code="127.0.0.2"):
    end = query.index(b"\0", 12) + 5
    answer = b""
    if code:
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4)
        answer += socket.inet_aton(code)
    return query[:2] + struct.pack("!5H", flags, 1, 1 if code else 0, 0,
                                   0) + query[12:end] + answer


def first_label(query):
    return query[13:13 + query[12]].decode()


class MisbehaviourTest(unittest.TestCase):


    def setUp(self):
        self.good = self.server(lambda query, tcp: [reply_to(query)])

    def server(self, serve, tcp=True):
        fake = FakeServer(serve, tcp)
        self.addCleanup(fake.close)
        return fake

    def compare(self, other, names, *options, timeout="1.5"):
        return Command([self.good.address, other.address, "--names", "-",
                        "--types", "A", "--json", "--rate", "0", "--timeout",
                        timeout, *options],
                       "".join(name + ".test\n" for name in names).encode())

    def test_a_server_that_is_not_there_is_told_at_once(self):
        names = ["n%d" % i for i in range(100000)]
        # Nobody listens on the port of a socket that is closed.
        gone = self.server(lambda query, tcp: [], tcp=False)
        silent = self.server(lambda query, tcp: [])
        gone.close()
        daemon.wait_until("its end", lambda: not daemon.answers(
            ("127.0.0.1", gone.port), "a.test"))
        result = self.compare(gone, names)
        self.assertEqual(result.code, 4, result)
        self.assertIn("NEW (%s) does not answer: nothing listens there"
                      % gone.address, result.err)
        self.assertEqual(result.out, "")
        result = self.compare(silent, names, timeout="0.5")
        self.assertEqual(result.code, 4, result)
        self.assertIn("NEW (%s) does not answer: no reply within 0.5 s, 3 "
                      "tries each" % silent.address, result.err)
        # Few enough that nobody waits for the other 100,000.
        self.assertLess(silent.queries, 100)
        result = self.compare(silent, ["only"], timeout="0.5")
        self.assertEqual(result.code, 4, result)

    def test_a_query_that_is_dropped_is_asked_again_and_counted(self):
        seen = {}

        def serve(query, tcp):
            label = first_label(query)
            seen[label] = seen.get(label, 0) + 1
            if label == "never" or (label == "late" and seen[label] < 3):
                return []
            return [reply_to(query)]
        result = self.compare(self.server(serve), ["a", "late", "never", "b"])
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.kinds(), {"no-answer": 1})
        self.assertEqual(seen, {"a": 1, "late": 3, "never": 3, "b": 1})

    def test_only_the_reply_to_the_question_counts(self):
        def serve(query, tcp):
            wrong_id = bytes([query[0] ^ 1]) + query[1:]
            other = query.replace(b"\1a\4test", b"\1b\4test")
            return [reply_to(wrong_id, code="127.0.0.9"),
                    reply_to(other, code="127.0.0.9"), query, b"", b"x",
                    reply_to(query.upper() if query[:2].upper() == query[:2]
                             else query)] + [reply_to(query, code="127.0.0.8")]
        result = self.compare(self.server(serve), ["a"])
        self.assertEqual((result.code, result.kinds()), (0, {}), result)

    def test_malformed_replies_and_replies_without_a_question(self):
        def serve(query, tcp):
            if first_label(query) == "formerr":
                return [query[:2] + struct.pack("!5H", 0x8001, 0, 0, 0, 0)]
            return [reply_to(query)[:-1]]
        result = self.compare(self.server(serve), ["a", "formerr"])
        self.assertEqual(result.kinds(), {"malformed": 1, "rcode": 1}, result)

    def test_a_reply_that_is_cut_off_is_asked_for_over_tcp(self):
        def serve(query, tcp):
            return [reply_to(query) if tcp
                    else reply_to(query, flags=0x8600, code=None)]
        names = ["n%d" % i for i in range(200)]
        result = self.compare(self.server(serve), names)
        self.assertEqual(result.kinds(), {"flags": 200}, result)
        # A server that closes after each reply, and one that has no TCP.
        result = self.compare(self.server(
            lambda query, tcp: [] if tcp else
            [reply_to(query, flags=0x8600, code=None)]), ["a"])
        self.assertEqual(result.kinds(), {"only-old": 1}, result)
        self.assertIn("TCP: closed without a reply", result.out)
        result = self.compare(self.server(
            lambda query, tcp: [reply_to(query, flags=0x8600)], tcp=False),
            ["a"])
        self.assertEqual(result.kinds(), {"flags": 1}, result)
        self.assertIn("TCP: Connection refused", result.out)

    def test_tcp_alone(self):
        other = self.server(lambda query, tcp: [reply_to(
            query, code="127.0.0.2" if tcp else "127.0.0.9")])
        names = ["n%d" % i for i in range(300)]
        result = self.compare(other, names, "--tcp")
        self.assertEqual((result.code, result.json()["queries"]), (0, 300),
                         result)
        self.assertEqual(other.queries, 0)
        no_tcp = self.server(lambda query, tcp: [reply_to(query)], tcp=False)
        result = self.compare(no_tcp, names, "--tcp")
        self.assertEqual(result.code, 4)
        self.assertIn("TCP: Connection refused", result.err)

    def test_a_server_that_is_lost_on_the_way(self):
        count = [0]

        def serve(query, tcp):
            count[0] += 1
            return [reply_to(query)] if count[0] <= 500 else []
        result = self.compare(self.server(serve),
                              ["n%d" % i for i in range(100000)],
                              "--retries", "0", timeout="0.2")
        self.assertEqual(result.code, 5, result.err)
        self.assertRegex(result.err, r"NEW \(.*\) has stopped answering, after "
                         r"\d+ answers; what was compared until then is shown")
        self.assertFalse(result.json()["complete"])
        # A busy machine may have lost some.
        self.assertGreater(result.json()["same_with_records"], 100)
        self.assertLessEqual(result.json()["same_with_records"], 500)

    def test_an_interrupt_shows_what_was_found(self):
        # Nothing more comes on its standard input.
        process = subprocess.Popen(
            [daemon.rblctl_path(), "compare", self.good.address,
             self.good.address, "--names", "-", "--types", "A"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        fifo = threading.Thread(target=self._feed, args=(process,),
                                daemon=True)
        fifo.start()
        daemon.wait_until("queries", lambda: self.good.queries > 50)
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()
        self.assertEqual(process.wait(60), 5, err)
        process.stdout.close()
        process.stderr.close()
        self.assertIn(b"the same, 0 different", out)
        self.assertIn(b"interrupted; what was compared", err)

    @staticmethod
    def _feed(process):
        try:
            for i in range(1000000):
                process.stdin.write(b"n%d.test\n" % i)
            process.stdin.close()
        except OSError:
            pass

    def test_a_rate_is_kept(self):
        start = time.monotonic()
        result = Command([self.good.address, self.good.address, "--names", "-",
                          "--types", "A", "--rate", "100"],
                         "".join("n%d.test\n" % i for i in range(60)).encode())
        self.assertEqual(result.code, 0, result)
        # 60 queries take 0.59 s, less what may go in a burst; no upper bound,
        # as the machine may be busy.
        self.assertGreater(time.monotonic() - start, 0.5)


class InterfaceTest(unittest.TestCase):

    def test_mistakes_are_named(self):
        servers = ["127.0.0.1:5300", "[::1]:5300"]
        for arguments, words in (
                ([], "write: rblctl compare OLD NEW"),
                (servers, "say what to ask"),
                (["localhost", "127.0.0.1", "--names", "-"],
                 "not a numeric address"),
                (["::1", "127.0.0.1", "--names", "-"], "stands in brackets"),
                (["127.0.0.1:0", "127.0.0.1", "--names", "-"], "port 0"),
                (servers + ["--names", "-", "--pcap", "x"], "not several"),
                (servers + ["--data", "ip4set:x"], "--data needs --zone"),
                (servers + ["--zone", "z", "--data", "ip4set:/none"],
                 "/none: opening a data file"),
                (servers + ["--zone", "z", "--data", "huh:x"], "ip4set"),
                (servers + ["--zone", "z..z", "--names", "-"], "z..z"),
                (servers + ["--names", "/none"], "/none"),
                (servers + ["--names", "-"], "nothing to ask"),
                (servers + ["--names", "-", "--port", "54"], "--pcap"),
                (servers + ["--names", "-", "--rate", "-1"], "--rate -1"),
                (servers + ["--names", "-", "--retries", "1.5"], "whole"),
                (servers + ["--names", "-", "--edns", "100"], "512"),
                (servers + ["--names", "-", "--types", "HUH"], "HUH"),
                (servers + ["--names", "-", "--ignore", "huh"],
                 "empty-non-terminal")):
            result = Command(arguments)
            self.assertEqual(result.code, 2, (arguments, result))
            self.assertIn(words, result.err)
            self.assertTrue(result.err.startswith("rblctl: "), result)
            self.assertEqual(result.out, "")

    def test_the_keys_of_json_are_documented(self):
        server = FakeServer(lambda query, tcp: [reply_to(query)])
        self.addCleanup(server.close)
        result = Command([server.address, server.address, "--names", "-",
                          "--json"], b"a.test\n")
        with open(daemon.runfile("docs/MIGRATING.md"),
                  encoding="utf-8") as text:
            guide = text.read()
        found = result.json()
        for key in list(found) + list(found["kinds"][0]):
            self.assertIn("`%s`" % key, guide)
        rows = re.findall(r"^\| `([a-z-]+)` \|", guide, re.M)
        self.assertEqual([kind["kind"] for kind in found["kinds"]], rows)
        self.assertEqual(result.out.count("\n"), 1)

    def test_a_bar_on_a_terminal_and_silence_in_a_pipe(self):
        server = FakeServer(lambda query, tcp: [reply_to(query)])
        self.addCleanup(server.close)
        with daemon.Scratch() as scratch:
            names = scratch.write("names", "".join(
                "n%d.test A\n" % i for i in range(300)))
            arguments = [server.address, server.address, "--names", names]
            self.assertEqual(Command(arguments).err, "")
            leader, follower = pty.openpty()
            process = subprocess.Popen(
                [daemon.rblctl_path(), "compare", *arguments],
                stdin=follower, stdout=follower, stderr=follower)
            os.close(follower)
            shown = b""
            while select.select([leader], [], [], 60)[0]:
                try:
                    piece = os.read(leader, 65536)
                except OSError:  # The command has closed its end.
                    break
                if not piece:
                    break
                shown += piece
            os.close(leader)
            self.assertEqual(process.wait(60), 0)
            self.assertRegex(shown, rb"comparing \[#+\.*\] \d+ % \d+ queries")
            self.assertIn(b"300 queries, 300 the same, 0 different", shown)


if __name__ == "__main__":
    runner.main()
