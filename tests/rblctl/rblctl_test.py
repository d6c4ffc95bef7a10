"""rblctl and the control API's documentation against a live rbld."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

from tests.harness import control
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import runner


def run_on_terminal(args, answer=None):
    """Runs a command whose three streams are one terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(args, stdin=follower, stdout=follower,
                               stderr=follower, close_fds=True)
    os.close(follower)
    if answer is not None:
        os.write(leader, answer.encode())
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.2)[0]:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # The command has closed its end.
                break
            if not piece:
                break
            shown += piece
        elif process.poll() is not None:
            break
    code = process.wait(timeout=10)
    os.close(leader)
    return code, shown.decode("utf-8", "replace")


class FakeServer:
    """Takes connections on a Unix socket and hands each to `serve`."""

    def __init__(self, path, serve):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(path)
        self.sock.listen(16)
        self._serve = serve
        self.requests = []
        threading.Thread(target=self._loop, daemon=True).start()

    def _loop(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            with client:
                client.settimeout(10)
                data = b""
                # rblctl first connects only to see whether anybody is there.
                while not self._whole(data):
                    piece = client.recv(65536)
                    if not piece:
                        break
                    data += piece
                if data:
                    self.requests.append(data)
                    self._serve(client, len(self.requests))

    @staticmethod
    def _whole(data):
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        return end and len(body) >= int(length.group(1) if length else 0)

    def close(self):
        self.sock.close()


class RblctlTest(unittest.TestCase):

    def setUp(self):
        self.scratch = daemon.Scratch()
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)
        self.rbld = daemon.Rbld(self.scratch)
        self.sockets = {}
        lines = []
        for role in ("importer", "relayd", "public"):
            self.sockets[role] = self.scratch.join(role[:3] + ".sock")
            lines.append("%s_socket = %s\n" %
                         (role, json.dumps(self.sockets[role])))
        with open(self.rbld.config_path, encoding="utf-8") as config:
            text = config.read()
        text = text.replace("[control]\n", "[control]\n" + "".join(lines))
        with open(self.rbld.config_path, "w", encoding="utf-8") as config:
            config.write(text)
        self.rbld.start()
        self.addCleanup(self.rbld.__exit__)

    def ctl_args(self, *args):
        return [daemon.rblctl_path(), "--socket", self.rbld.socket_path,
                *args]

    def listed(self, address):
        return bool(self.rbld.ask_address(address).values(dns_client.A))

    # ---- what DNS sees ----

    def test_a_change_is_in_dns_once_rblctl_returns(self):
        for i in range(20):
            address = "192.0.2.%d" % i
            self.rbld.add(address)
            self.assertTrue(self.listed(address))
            self.rbld.remove(address)
            self.assertFalse(self.listed(address))

    def test_a_batch_of_many_thousands_goes_through(self):
        lines = "".join("20.%d.%d.%d\n" % (i >> 16, i >> 8 & 255, i & 255)
                        for i in range(12000))
        result = self.rbld.ctl("add", "-", stdin=lines)
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertRegex(result.out, r"^12,000 added \(sequence \d+\)\n$")
        self.assertTrue(self.listed("20.0.46.223"))

    def test_a_refused_batch_leaves_dns_alone(self):
        result = self.rbld.ctl("add", "-", stdin="192.0.2.1\n127.0.0.77\n")
        self.assertEqual(result.code, 3, result)
        self.assertIn("line 2", result.err)
        self.assertFalse(self.listed("192.0.2.1"))

    # ---- exit codes ----

    def test_exit_codes_tell_the_outcome(self):
        cases = [
            (0, ["add", "192.0.2.1"]),
            (0, ["show", "192.0.2.1"]),
            (1, ["show", "192.0.2.2"]),
            (1, ["remove", "192.0.2.2"]),
            (1, ["find", "nowhere to be found"]),
            (1, ["list", "show", "nowhere"]),
            (2, ["add"]),
            (2, ["add", "192.0.2.1.5"]),
            (2, ["frobnicate"]),
            (2, ["add", "192.0.2.1", "--colour", "red"]),
            (3, ["add", "127.0.0.9"]),
            (3, ["add", "192.0.2.3", "--if-sequence", "0"]),
            (3, ["show", "192.0.2.1", "--store", self.rbld.store_path]),
        ]
        for code, args in cases:
            result = self.rbld.ctl(*args)
            self.assertEqual(result.code, code, (args, result))
            self.assertEqual(bool(result.err), code in (2, 3) or
                             args[:2] == ["list", "show"], (args, result))

    def test_without_a_daemon_exit_code_4(self):
        self.rbld.stop()
        result = self.rbld.ctl("status")
        self.assertEqual(result.code, 4, result)
        self.assertIn(self.rbld.socket_path, result.err)

    def test_a_killed_daemon_leaves_a_socket_that_the_next_one_takes(self):
        self.rbld.add("192.0.2.1")
        self.rbld.kill()
        result = self.rbld.ctl("status")
        self.assertEqual(result.code, 4, result)
        self.assertIn("nobody answers", result.err)
        self.rbld.start()
        self.assertEqual(self.rbld.ctl("show", "192.0.2.1").code, 0)

    def test_a_broken_connection_is_tried_again_under_the_same_key(self):
        path = self.scratch.join("fake.sock")
        reply = (b'{"sequence":5,"dry_run":false,"counts":{"added":1},'
                 b'"results":[{"list":"l","target":"192.0.2.1",'
                 b'"outcome":"added"}]}')

        def serve(client, number):
            if number == 2:
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
                               b"Connection: close\r\n\r\n%s" %
                               (len(reply), reply))

        server = FakeServer(path, serve)
        self.addCleanup(server.close)
        code, _, err = self._run(path, "add", "192.0.2.1")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(server.requests), 2)
        keys = [re.search(rb"Idempotency-Key: (\S+)", request).group(1)
                for request in server.requests]
        self.assertEqual(keys[0], keys[1])

    def test_an_unknown_outcome_is_exit_code_5(self):
        path = self.scratch.join("fake.sock")
        server = FakeServer(path, lambda client, number: None)
        self.addCleanup(server.close)
        code, _, err = self._run(path, "add", "192.0.2.1")
        self.assertEqual(code, 5, err)
        self.assertIn("not known", err)

    def _run(self, socket_path, *args):
        done = subprocess.run(
            [daemon.rblctl_path(), "--socket", socket_path, *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            timeout=60)
        return done.returncode, done.stdout, done.stderr

    # ---- terminals and pipes ----

    def feed(self, lines=300000):
        return self.scratch.write(
            "feed.txt", "".join("20.%d.%d.%d\n" %
                                (i >> 16, i >> 8 & 255, i & 255)
                                for i in range(lines)))

    def test_a_terminal_gets_a_bar_and_colours(self):
        code, shown = run_on_terminal(self.ctl_args("import", self.feed()))
        self.assertEqual(code, 0, shown)
        self.assertIn("feed.txt [", shown)
        self.assertIn("\033[1m", shown)
        # The bar's line is cleared before the table.
        self.assertIn("\r\033[K", shown)

    def test_a_pipe_gets_neither(self):
        result = self.rbld.ctl("import", self.feed())
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err, "")
        self.assertNotIn("\033", result.out)
        self.assertNotIn("\r", result.out)

    def test_a_terminal_is_asked_about_a_wide_prefix(self):
        args = self.ctl_args("add", "20.0.0.0/8")
        code, shown = run_on_terminal(args, answer="n\n")
        self.assertEqual(code, 3, shown)
        self.assertIn("16,777,216 addresses", shown)
        self.assertFalse(self.listed("20.1.2.3"))
        self.assertEqual(run_on_terminal(args, answer="y\n")[0], 0)
        self.assertTrue(self.listed("20.1.2.3"))

    def test_a_reader_that_leaves_ends_it_quietly(self):
        self.assertEqual(self.rbld.ctl("import", self.feed(20000)).code, 0)
        process = subprocess.Popen(
            self.ctl_args("find", "--limit", "0", "--json"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertEqual(process.wait(timeout=60), -signal.SIGPIPE)

    # ---- reload ----

    def test_reload_takes_a_new_list_and_keeps_the_old_one_on_a_mistake(self):
        with open(self.rbld.config_path, encoding="utf-8") as config:
            good = config.read()
        with open(self.rbld.config_path, "a", encoding="utf-8") as config:
            config.write('\n[[list]]\nname = "second"\n')
        result = self.rbld.ctl("reload")
        self.assertEqual(result.code, 0, result)
        self.assertIn("second", self.rbld.ctl("list", "ls").out)
        with open(self.rbld.config_path, "a", encoding="utf-8") as config:
            config.write('nonsense = 1\n')
        result = self.rbld.ctl("reload")
        self.assertIn(result.code, (2, 3), result)
        self.assertRegex(result.err, r"rbld\.toml:\d+")
        self.assertIn("nonsense", result.err)
        self.assertIn("nonsense", self.rbld.ctl("status").out)
        self.assertIn("second", self.rbld.ctl("list", "ls").out)
        with open(self.rbld.config_path, "w", encoding="utf-8") as config:
            config.write(good)
        self.assertEqual(self.rbld.ctl("reload").code, 0)
        self.assertNotIn("nonsense", self.rbld.ctl("status").out)

    # ---- relay tests ----

    def relay(self, method, path, body=None, role="relayd"):
        client = control.Control(self.sockets[role])
        self.addCleanup(client.close)
        return client.request(method, "/v1/relay/" + path, body)

    def test_a_report_is_listed_once_a_token_comes_back(self):
        self.assertIn("add [relay]",
                      self.rbld.ctl("report", "192.0.2.9").err)
        with open(self.rbld.config_path, "a", encoding="utf-8") as config:
            config.write('\n[relay]\nlist = "relays"\n'
                         'domain = "probe.example.org"\n'
                         'lab_networks = ["192.0.2.0/24"]\n')
        self.assertEqual(self.rbld.ctl("reload").code, 0)
        self.assertEqual(self.relay("GET", "settings")["domain"],
                         "probe.example.org")
        result = self.rbld.ctl("report", "192.0.2.9")
        self.assertEqual((result.code, result.out),
                         (0, "192.0.2.9: test planned\n"), result)
        self.assertFalse(self.listed("192.0.2.9"))
        session, = self.relay("POST", "leases", {"limit": 5})["sessions"]
        self.assertEqual(session["target"], "192.0.2.9")
        token = session["probes"][0]["token"]
        self.assertEqual(
            self.relay("POST", "arrivals", {
                "token": token, "peer": "192.0.2.9",
                "message": "Subject: x\r\n\r\nsecret\r\n"}),
            {"state": "valid", "verdict": "open"})
        self.assertTrue(self.listed("192.0.2.9"))
        self.assertIn("listed since", self.rbld.ctl("show", "192.0.2.9").out)
        self.assertIn("192.0.2.9", self.rbld.ctl("probes", "--listed").out)
        # The public asks for a test, and sees no more than it may.
        code, out, err = self._run(self.sockets["public"], "recheck",
                                   "192.0.2.9")
        self.assertEqual(code, 0, err)
        self.assertIn("its owner asked", out)
        _, out, err = self._run(self.sockets["public"], "show", "192.0.2.9",
                                "--evidence")
        self.assertIn("Subject:", out, err)
        for hidden in (token, "secret", "reported"):
            self.assertNotIn(hidden, out)
        self.assertEqual(self._run(self.sockets["public"], "optouts")[0], 3)

    # ---- watched files ----

    def test_show_tells_what_watched_files_make_the_zones_answer(self):
        feed = self.scratch.write(
            "feed.txt", "198.51.100.0/24 :127.0.0.3:net $\n!198.51.100.9\n")
        names = self.scratch.write("names.txt", ".bad.example :4:\nx\n")
        with open(self.rbld.config_path, encoding="utf-8") as config:
            text = config.read()
        zone = 'name = "relays.rbld.test"\n'
        self.assertIn(zone, text)
        text = text.replace(zone, zone + 'serial = "unixtime"\n')
        text += """
[[list]]
name = "hidden"
[[dataset]]
name = "feed"
type = "ip4set"
files = [%s]
lists = ["relays"]
[[dataset]]
name = "names"
type = "dnset"
files = [%s]
lists = ["hidden"]
[[zone]]
name = "other.rbld.test"
kind = ["names"]
lists = ["hidden"]
ns = ["ns.rbld.test"]
serial = "unixtime"
""" % (json.dumps(feed), json.dumps(names))
        with open(self.rbld.config_path, "w", encoding="utf-8") as config:
            config.write(text)
        reloaded = self.rbld.ctl("reload")
        self.assertEqual(reloaded.code, 0, reloaded)

        shown = self.rbld.ctl("show", "198.51.100.7")
        self.assertEqual((shown.code, shown.err), (0, ""))
        self.assertEqual(
            shown.out,
            "198.51.100.7 is listed\n\nrelays.rbld.test: listed\n"
            "  DNS answers 127.0.0.3  \"net 198.51.100.7\"\n"
            "  from watched dataset feed\n"
            "    %s:1: 198.51.100.0/24 :127.0.0.3:net $\n" % feed)
        self.assertEqual(self.rbld.ctl("show", "198.51.100.9").code, 1)
        self.assertEqual(self.rbld.ctl("show", "198.51.100.64/26").code, 0)
        shown = self.rbld.ctl("show", "x.bad.example")
        self.assertEqual(shown.code, 0)
        self.assertIn("%s:1: .bad.example :4:" % names, shown.out)

        # In DNS and here, an exemption hides what a file lists.
        self.assertEqual(self.rbld.ctl("exempt", "198.51.100.7", "--list",
                                       "relays").code, 0)
        self.assertFalse(self.listed("198.51.100.7"))
        shown = self.rbld.ctl("show", "198.51.100.7")
        self.assertEqual(shown.code, 1, shown)
        self.assertIn("hidden by an exemption: watched dataset feed",
                      shown.out)

        # What no zone publishes is in no answer.
        added = self.rbld.ctl("add", "8.113.0.5", "8.113.0.6", "--list",
                              "hidden")
        self.assertEqual(added.code, 0, added)
        note = ("rblctl: no zone publishes %s of the list hidden, so that DNS "
                "answers nothing of them\n")
        self.assertEqual(added.err, note % "IPv4 addresses")
        added = self.rbld.ctl("add", "good.example", "--list", "hidden")
        self.assertEqual((added.code, added.err), (0, ""))
        mixed = self.scratch.write(
            "mixed.txt", "8.113.0.7\n2a00:1450::1\nworse.example\n")
        imported = self.rbld.ctl("import", mixed, "--list", "hidden",
                                 "--source", "mixed")
        self.assertEqual(imported.code, 0, imported)
        self.assertEqual(imported.err, note % "IPv4 addresses"
                         + note % "IPv6 addresses")
        shown = self.rbld.ctl("show", "8.113.0.5")
        self.assertEqual(shown.code, 1, shown)
        self.assertIn("no zone publishes IPv4 addresses of this list",
                      shown.out)
        self.assertNotIn("DNS answers 1", shown.out)

        # The files' lines are for operators only.
        code, out, _ = self._run(self.sockets["public"], "show",
                                 "198.51.100.8")
        self.assertEqual(code, 0)
        self.assertIn("from watched dataset feed", out)
        self.assertNotIn("feed.txt", out)
        code, out, _ = self._run(self.sockets["importer"], "--json", "show",
                                 "198.51.100.8")
        self.assertNotIn("datasets", json.loads(out))

        # Where they cannot be seen, it is said that they are there.
        self.assertIn("Watched files are not searched (feed, names)",
                      self.rbld.ctl("find").err)
        self.assertIn("watched files", self.rbld.ctl("list", "show",
                                                     "relays").out)

        # A file that has changed, and cannot be loaded.
        with open(feed, "w", encoding="utf-8") as file:
            file.write("<html>\n")
        self.assertIn("its files have changed since they were loaded",
                      self.rbld.ctl("show", "198.51.100.8").out)
        self.assertNotEqual(self.rbld.ctl("reload").code, 0)
        status = self.rbld.ctl("status").out
        self.assertRegex(status, r"feed +ip4set +2 +0 .*FAILING, the last good "
                                 r"data is served; failing since 20")
        self.assertIn(feed + ":1:", status)
        one = [dataset for dataset in self.rbld.ctl_json("status")["datasets"]
               if dataset["name"] == "feed"][0]
        self.assertTrue(one["served"])
        self.assertIsNotNone(one["failing_since"])
        metrics = subprocess.run(
            ["curl", "-s", "--unix-socket", self.rbld.socket_path,
             "http://rbld/metrics"], stdout=subprocess.PIPE, timeout=60,
            check=True).stdout.decode()
        self.assertIn('rbld_dataset_failing{dataset="feed"} 1\n', metrics)
        self.assertIn('rbld_dataset_failing{dataset="names"} 0\n', metrics)

    # ---- roles ----

    def test_each_socket_gives_its_own_rights(self):
        feed = self.scratch.write("f.txt", "192.0.2.50\n")
        self.assertEqual(self._run(self.sockets["importer"], "import",
                                   feed)[0], 0)
        self.assertTrue(self.listed("192.0.2.50"))
        for role, args in (("importer", ["add", "192.0.2.1"]),
                           ("importer", ["import", feed, "--force"]),
                           ("importer", ["import", feed, "--source",
                                         "manual"]),
                           ("relayd", ["add", "192.0.2.1", "--source",
                                       "relay-test"]),
                           ("relayd", ["import", feed]),
                           ("public", ["add", "192.0.2.1"]),
                           ("public", ["audit"]),
                           ("public", ["find"])):
            code, _, err = self._run(self.sockets[role], *args)
            self.assertEqual(code, 3, (role, args, err))
        self.rbld.add("192.0.2.60")
        code, out, _ = self._run(self.sockets["public"], "show", "192.0.2.60",
                                 "--json")
        self.assertEqual(code, 0)
        self.assertNotIn("author", out)
        for path in (self.rbld.socket_path, *self.sockets.values()):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o660, path)

    # ---- the documentation ----

    def test_every_key_that_the_api_gives_is_documented(self):
        feed = self.scratch.write("watched.txt", "198.51.100.0/24\n")
        with open(self.rbld.config_path, "a", encoding="utf-8") as config:
            config.write("""
[[list]]
name = "other"
[[dataset]]
name = "watched"
type = "ip4set"
files = [%s]
lists = ["other"]
[[zone]]
name = "other.rbld.test"
lists = ["other"]
ns = ["ns.rbld.test"]
serial = "unixtime"
[[zone.subzone]]
name = "sub"
lists = ["relays"]
""" % json.dumps(feed))
        reloaded = self.rbld.ctl("reload")
        self.assertEqual(reloaded.code, 0, reloaded)
        self.rbld.ctl("exempt", "192.0.2.1", "--list", "relays")
        self.rbld.ctl("add", "192.0.2.1", "--list", "relays")
        api = control.Control(self.rbld.socket_path)
        self.addCleanup(api.close)
        replies = [
            api.request("POST", "/v1/changes", {"dry_run": True, "changes": [
                {"verb": "add", "list": "relays", "target": "192.0.2.9"}]}),
            api.request("POST", "/v1/dumps", {
                "zone": self.rbld.zone, "formats": ["dnset", "jsonl"],
                "directory": self.scratch.join("dumps")}),
            api.request("POST", "/v1/reload", {}),
            api.request("POST", "/v1/backup",
                        {"directory": self.scratch.join("backup")}),
        ]
        for path in ("/v1/targets/192.0.2.1", "/v1/targets/198.51.100.7",
                     "/v1/listings", "/v1/history?target=192.0.2.1",
                     "/v1/audit", "/v1/lists", "/v1/lists/relays", "/v1/zones",
                     "/v1/zones/other.rbld.test", "/v1/status", "/v1/stats"):
            replies.append(api.request("GET", path))
        with open(daemon.runfile("docs/CONTROL_API.md"),
                  encoding="utf-8") as doc:
            text = doc.read()
        # In the text, `a` or `a.b`; in the examples, "a".
        known = set(re.findall(r'"(\w+)":', text))
        for code in re.findall(r"`([\w.]+)`", text):
            known.update(code.split("."))
        missing = set()

        def look(value, place):
            if isinstance(value, list):
                for one in value:
                    look(one, place)
            elif isinstance(value, dict):
                for key, one in value.items():
                    if key not in known:
                        missing.add(place + "." + key)
                    # Its keys are names of other things.
                    if place == ".queries" and key in ("totals", "zones"):
                        continue
                    look(one, place + "." + key)

        for reply in replies:
            look(reply, "")
        self.assertEqual(sorted(missing), [])

    def test_every_curl_command_of_the_documentation_works(self):
        with open(daemon.runfile("docs/CONTROL_API.md"),
                  encoding="utf-8") as doc:
            commands = re.findall(r"```sh\n(.*?)```", doc.read(), re.S)
        self.assertGreaterEqual(len(commands), 7)
        mirror = self.scratch.join("mirror")
        for command in commands:
            for old, new in (
                    ("/run/rbld/operator.sock", self.rbld.socket_path),
                    ("/run/rbld/importer.sock", self.sockets["importer"]),
                    ("/run/rbld/public.sock", self.sockets["public"]),
                    ("/srv/mirror", mirror),
                    ("relays.example.org", self.rbld.zone)):
                command = command.replace(old, new)
            self.scratch.write("feed.txt.gz", "203.0.113.9\n")
            done = subprocess.run(
                ["bash", "-c", command.replace("curl ", "curl -sS --fail "
                                               "--max-time 60 ", 1)],
                cwd=self.scratch.path, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, encoding="utf-8", timeout=120)
            self.assertEqual(done.returncode, 0, (command, done))
        self.assertTrue(self.listed("203.0.113.7"))
        self.assertTrue(self.listed("203.0.113.9"))
        self.assertTrue(os.path.exists(os.path.join(mirror, "MANIFEST")))


if __name__ == "__main__":
    runner.main()
