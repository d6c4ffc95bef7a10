"""The lists that the mail software asks, served as mail servers meet them.

rbld has four zones. unbound, as the system's resolver, gets them from it. All
this and the mail software run in a network of the test's own, where a client
may connect from any address of 192.0.2.0/24.
"""

import json
import os
import smtplib
import socket
import unittest

from tests.harness import daemon
from tests.harness import namespace
from tests.harness import resolver
from tests.harness import runner

# Several lists in one zone, told apart by their codes, as in Spamhaus' ZEN.
ZEN = "zen.rbld.test"
# One listing's code is the sum of what is known, each a power of two.
BITS = "bits.rbld.test"
# Domain names.
NAMES = "names.rbld.test"
# Who is welcome.
ALLOW = "allow.rbld.test"
ZONES = [ZEN, BITS, NAMES, ALLOW]

IN_SBL = "192.0.2.2"
IN_XBL = "192.0.2.4"
IN_SBL_AND_XBL = "192.0.2.6"
IN_PBL = "192.0.2.10"
IN_BITS = "192.0.2.82"
IN_SBL_AND_ALLOW = "192.0.2.200"
UNLISTED = "192.0.2.99"
LISTED_NAME = "bad.example.org"
UNLISTED_NAME = "good.example.org"

SBL_REASON = "Spam source, see https://sbl.rbld.test/lookup?$"
XBL_REASON = "Infected host, see https://xbl.rbld.test/lookup?$"

# Short, so that a removal is seen soon.
TTL_SECONDS = 2

# name: (code, reason).
_LISTS = {
    "sbl": ("127.0.0.2", SBL_REASON),
    "xbl": ("127.0.0.4", XBL_REASON),
    "pbl": ("127.0.0.10", "Dynamic address"),
    # 8 + 2.
    "bits": ("127.0.0.10", "Known for two things"),
    "names": ("127.0.1.2", "Advertised by spam: $"),
    "allow": ("127.0.4.2", ""),
}

_LISTINGS = {
    "sbl": [IN_SBL, IN_SBL_AND_XBL, IN_SBL_AND_ALLOW],
    "xbl": [IN_XBL, IN_SBL_AND_XBL],
    "pbl": [IN_PBL],
    "bits": [IN_BITS],
    "names": [LISTED_NAME],
    "allow": [IN_SBL_AND_ALLOW],
}

_LIST = """
[[list]]
name = "%s"
code = "%s"
reason = "%s"
allow_special_purpose = true
"""

_ZONE = """
[[zone]]
name = "%s"
kind = "%s"
lists = %s
ttl = %d
negative_ttl = %d
ns = ["ns1.rbld.test"]
"""


def _config():
    text = "".join(_LIST % (name, code, reason)
                   for name, (code, reason) in _LISTS.items())
    for zone, kind, names in ((ZEN, "ipv4", ["sbl", "xbl", "pbl"]),
                              (BITS, "ipv4", ["bits"]),
                              (NAMES, "names", ["names"]),
                              (ALLOW, "ipv4", ["allow"])):
        text += _ZONE % (zone, kind, json.dumps(names), TTL_SECONDS,
                         TTL_SECONDS)
    return text


class ListsTest(unittest.TestCase):
    """Starts rbld, unbound and the mail software, once for a class's tests.

    The tests are skipped where that cannot be.
    """

    # More for unbound's "server:".
    RESOLVER_KEYS = ""

    @classmethod
    def why_not(cls):
        """None, or why the mail software cannot run here."""
        raise NotImplementedError

    @classmethod
    def files(cls):
        """{path: what the mail software shall see there instead}."""
        return {"/etc/resolv.conf": cls.public_file(
            "resolv.conf", "nameserver 127.0.0.1\n")}

    @classmethod
    def start(cls):
        """Starts what all tests of the class need, beside the lists."""

    @classmethod
    def setUpClass(cls):
        cls.skip = namespace.why_not() or cls.why_not()
        for program in ("ip", "unbound"):
            if not daemon.find_program(program):
                cls.skip = program + " is not installed (scripts/packages.txt)"
        if cls.skip:
            return
        cls.scratch = cls.enterClassContext(daemon.Scratch(mode=0o755))
        namespace.use_network("192.0.2.0/24")
        namespace.use_files(cls.files())
        cls.rbld = cls.enterClassContext(
            daemon.Rbld(cls.scratch, more=_config()))
        for name, targets in _LISTINGS.items():
            cls.rbld.ctl_json("add", "--list", name, *targets)
        cls.enterClassContext(resolver.Unbound(
            cls.scratch, ZONES, cls.rbld.port, port=53, kind="stub",
            server_keys=cls.RESOLVER_KEYS))
        cls.start()

    def setUp(self):
        if self.skip:
            self.skipTest(self.skip)

    @classmethod
    def public_file(cls, name, text):
        """Writes a file that every user may read."""
        path = cls.scratch.write(name, text)
        os.chmod(path, 0o644)
        return path


def listens(port):
    """Whether a server takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def smtp(client_address, port):
    """A connection to the mail server from that address."""
    return smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org",
                        timeout=60, source_address=(client_address, 0))


def deliver(client_address, port, recipient="someone@example.net"):
    """Sends a mail from `client_address`.

    Returns (code, text) of the first refusal, or of the accepted message.
    """
    with smtp(client_address, port) as client:
        client.ehlo()
        for command in ("MAIL FROM:<sender@example.org>",
                        "RCPT TO:<%s>" % recipient, "DATA"):
            code, text = client.docmd(command)
            if code >= 400:
                return code, text.decode("utf-8", "replace")
        client.send("Subject: test\r\n\r\nHello\r\n.\r\n")
        code, text = client.getreply()
        return code, text.decode("utf-8", "replace")


def main():
    """Runs the tests of a file, in namespaces of their own."""
    namespace.enter()
    runner.main()
