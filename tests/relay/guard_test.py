"""Whatever it is told, rbl-relayd connects to nobody whom it may not test.

rbld would never lease these sessions, so the control side here is one that
lies, with rbl-relayd, sockets and network as they are.
"""

import http.server
import json
import os
import pwd
import socket
import socketserver
import threading
import unittest

from tests.harness import daemon
from tests.harness import namespace
from tests.harness import runner
from tests.relay import lab

ALLOWED = "198.19.0.1"
# address: a word of the reason.
FORBIDDEN = {
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "192.168.0.1": "private",
    "100.64.0.1": "shared",
    "127.0.0.1": "loopback",
    "127.0.0.2": "loopback",
    "169.254.0.1": "link-local",
    "224.0.0.1": "multicast",
    "255.255.255.255": "",
    "0.0.0.0": "",
    "::1": "loopback",
    "fe80::1": "link-local",
    "fc00::1": "",
    "ff02::1": "multicast",
    "::ffff:127.0.0.1": "",
    "64:ff9b::7f00:1": "",
    # The tester's own, whether it is named or only there.
    lab.TESTER: "own",
    "198.18.9.9": "this machine",
}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    leased = False
    results = ()


class _Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *unused):
        pass

    def _reply(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._reply({"domain": lab.DOMAIN, "url": "https://x.test/",
                     "contact": "x@x.test", "port": lab.PORT,
                     "never": [lab.TESTER], "lab_networks": [lab.NETWORK]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/relay/results":
            self.server.results += tuple(body["sessions"])
            return self._reply({"applied": [True] * len(body["sessions"])})
        if self.path != "/v1/relay/leases" or self.server.leased:
            return self._reply({"sessions": [], "proven": []})
        self.server.leased = True
        token = "a" * 32
        return self._reply({"sessions": [
            {"target": address, "port": port, "test": test, "session": 1,
             "until": "2040-01-01T00:00:00Z", "max_messages": 3,
             "probes": [{"form": "plain", "token": token,
                         "sender_token": token}]}
            for test, (address, port) in enumerate(
                [(one, lab.PORT) for one in FORBIDDEN] +
                [(ALLOWED, 26), (ALLOWED, lab.PORT)], 1)]})


class GuardTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.skip = lab.why_not()
        if cls.skip:
            return
        cls.scratch = cls.enterClassContext(daemon.Scratch(mode=0o755))
        lab.enter(cls.scratch)
        # Ours, but not in `never`.
        namespace.add_address("198.18.9.9", lab.PREFIX_LENGTH)

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    def test_it_connects_to_whom_it_may_and_to_nobody_else(self):
        # Everybody would be met: whatever is sent here is ours.
        ours = [self._listen(socket.AF_INET, "0.0.0.0"),
                self._listen(socket.AF_INET6, "::")]
        allowed = lab.host(ALLOWED)
        path = self.scratch.join("control.sock")
        with _Server(path, _Control) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            relayd = daemon.Program(
                [lab.relayd_path(), "--control", path, "--name", "x.test",
                 "--noreverse_names", "--source", lab.TESTER],
                self.scratch.join("relayd.log"))
            try:
                daemon.wait_until(
                    "the results", lambda: len(server.results) ==
                    len(FORBIDDEN) + 2, relayd)
            finally:
                relayd.stop()
                server.shutdown()
        for result in server.results:
            self.assertEqual(result["end"], "unreachable", result)
            if result["target"] == ALLOWED and result["port"] == lab.PORT:
                # It was tried: nobody listens there.
                self.assertNotIn("no connection to", result["transcript"])
                self.assertIn("refused", result["transcript"])
                continue
            self.assertIn("no connection to " + result["target"],
                          result["transcript"])
            self.assertIn(FORBIDDEN.get(result["target"], "port"),
                          result["transcript"])
        for listener in ours:
            with self.assertRaises(BlockingIOError):
                listener.accept()
        self.assertEqual(allowed.accepted(), 0)

    def test_it_takes_its_port_as_root_and_then_is_somebody_else(self):
        path = self.scratch.join("user.sock")
        with _Server(path, _Control) as server:
            os.chmod(path, 0o666)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            argv = [lab.relayd_path(), "--control", path, "--name", "x.test",
                    "--notests", "--listen",
                    "%s:%d" % (lab.TESTER, lab.PORT), "--user"]
            nobody = pwd.getpwnam("nobody")
            with daemon.Program(argv + ["nobody"],
                                self.scratch.join("user.log")) as relayd:
                daemon.wait_until("rbl-relayd", lambda: lab.listens(lab.TESTER),
                                  relayd)
                with open("/proc/%d/status" % relayd.pid) as status:
                    ids = {line.split()[0]: line.split()[1:] for line in status
                           if line.startswith(("Uid:", "Gid:"))}
                self.assertEqual(ids["Uid:"], [str(nobody.pw_uid)] * 4)
                self.assertEqual(ids["Gid:"], [str(nobody.pw_gid)] * 4)
            with daemon.Program(argv + ["no-such-user"],
                                self.scratch.join("none.log")) as relayd:
                daemon.wait_until("its end", lambda: not relayd.running())
                self.assertIn("--user: there is no user \"no-such-user\"",
                              relayd.log())
            server.shutdown()

    def _listen(self, family, address):
        listener = socket.socket(family)
        self.addCleanup(listener.close)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, lab.PORT))
        listener.listen(100)
        listener.setblocking(False)
        return listener


if __name__ == "__main__":
    namespace.enter()
    runner.main()
