"""A real Exim asks rbld: codes, bit masks and texts in "dnslists"."""

import os
import re
import shutil

from tests.clients import lists
from tests.harness import daemon

# Exim cannot be installed beside Postfix; scripts/setup.sh unpacks it here.
PROGRAM = "/usr/local/lib/rbld-test/exim4-daemon-light/usr/sbin/exim4"

PORT = 25

# Each condition is asked at an address of its own: any@example.net and so on.
# Exim's "=" holds when one code of the answer is meant, "==" when all are; "&"
# compares bits; "!" turns the result round.
CONDITIONS = {
    "any": lists.ZEN,
    "equal": lists.ZEN + "=127.0.0.4,127.0.0.5",
    "every": lists.ZEN + "==127.0.0.4",
    "not": lists.ZEN + "!=127.0.0.10",
    "bit2": lists.BITS + "&0.0.0.2",
    "bit4": lists.BITS + "&0.0.0.4",
    "bits2and8": lists.BITS + "&0.0.0.10",
    "not-bit4": lists.BITS + "!&0.0.0.4",
    "domain": lists.NAMES + "/$sender_address_domain",
}

_CONF = """\
primary_hostname = mx.example.net
daemon_smtp_ports = %(port)d
local_interfaces = 127.0.0.1
spool_directory = %(dir)s
log_file_path = %(dir)s/log/%%s
pid_file_path = %(dir)s/pid
host_lookup =
tls_advertise_hosts =
queue_only
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl

rcpt:
%(denials)s
  accept

data:
  discard
"""

_DENIAL = """\
  deny local_parts = %s
       dnslists = %s
       message = $dnslist_domain $dnslist_value $dnslist_text
"""


class Exim:
    """Listens on 127.0.0.1:PORT, and discards what it accepts."""

    def __init__(self, scratch):
        self.dir = scratch.join("exim")
        os.makedirs(self.dir)
        shutil.chown(self.dir, "Debian-exim")
        self._config = scratch.write("exim.conf", _CONF % {
            "dir": self.dir, "port": PORT,
            "denials": "".join(_DENIAL % one for one in CONDITIONS.items())})
        os.chmod(self._config, 0o644)
        self._log = scratch.join("exim.out")
        self.program = None

    def __enter__(self):
        self.program = daemon.Program(
            [PROGRAM, "-bdf", "-C", self._config], self._log)
        daemon.wait_until("Exim", lambda: lists.listens(PORT), self.program)
        return self

    def __exit__(self, *unused):
        if self.program.running():
            self.program.stop()


class EximTest(lists.ListsTest):

    @classmethod
    def why_not(cls):
        if not os.path.exists(PROGRAM):
            return "Exim is not unpacked (scripts/setup.sh)"
        return None

    @classmethod
    def files(cls):
        files = super().files()
        # Exim knows its user by name; the package would have made that user.
        for path, line in (
                ("/etc/passwd", "Debian-exim:x:64999:64999::/:/bin/false\n"),
                ("/etc/group", "Debian-exim:x:64999:\n")):
            with open(path) as text:
                files[path] = cls.public_file(os.path.basename(path),
                                              text.read() + line)
        return files

    @classmethod
    def start(cls):
        cls.enterClassContext(Exim(cls.scratch))

    def refusals(self, client, sender="sender@" + lists.UNLISTED_NAME):
        """{condition that held: text of the refusal}."""
        found = {}
        with lists.smtp(client, PORT) as session:
            session.ehlo()
            self.assertEqual(session.mail(sender)[0], 250)
            for name in CONDITIONS:
                code, text = session.rcpt(name + "@example.net")
                self.assertIn(code, (250, 550), text)
                if code == 550:
                    # Exim breaks a long text into lines.
                    found[name] = " ".join(text.decode().split())
        return found

    def test_codes(self):
        for client, expected in (
                (lists.IN_XBL, ["any", "equal", "every", "not"]),
                (lists.IN_SBL, ["any", "not"]),
                (lists.IN_SBL_AND_XBL, ["any", "equal", "not"]),
                (lists.IN_PBL, ["any"]),
                (lists.UNLISTED, [])):
            self.assertEqual(sorted(self.refusals(client)), expected, client)

    def test_bits(self):
        self.assertEqual(self.refusals(lists.IN_BITS), dict.fromkeys(
            ("bit2", "bits2and8", "not-bit4"),
            "bits.rbld.test 127.0.0.10 Known for two things"))

    def test_sender_domain(self):
        self.assertEqual(
            self.refusals(lists.UNLISTED, "sender@" + lists.LISTED_NAME),
            {"domain": "names.rbld.test 127.0.1.2 Advertised by spam: "
                       "bad.example.org"})

    def test_text_of_a_refusal(self):
        self.assertEqual(
            self.refusals(lists.IN_XBL)["equal"],
            "zen.rbld.test 127.0.0.4 Infected host, see "
            "https://xbl.rbld.test/lookup?192.0.2.4")
        # Of several codes and texts Exim shows all codes, and one text. The
        # resolver changes their order.
        text = self.refusals(lists.IN_SBL_AND_XBL)["equal"]
        codes, reason = re.fullmatch(
            r"zen\.rbld\.test (127\S+, 127\S+) (\D.*)", text).groups()
        self.assertEqual(sorted(codes.split(", ")), ["127.0.0.2", "127.0.0.4"])
        self.assertIn(reason, [
            one.replace("$", lists.IN_SBL_AND_XBL)
            for one in (lists.SBL_REASON, lists.XBL_REASON)])

    def test_only_an_unlisted_client_delivers(self):
        for client, expected in ((lists.IN_PBL, (550, "Dynamic address")),
                                 (lists.UNLISTED, (250, "OK id="))):
            code, text = lists.deliver(client, PORT, "any@example.net")
            self.assertEqual(code, expected[0], text)
            self.assertIn(expected[1], text)


if __name__ == "__main__":
    lists.main()
