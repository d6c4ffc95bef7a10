"""A closed lab for relay tests: rbld, rbl-relayd, and mail servers whose truth
is known, in a network of the test's own, on 198.18.0.0/15 (RFC 2544).

The network reaches nothing else. rbld lets it through by `lab_networks`, the
one key meant for that; the guards stay on for every other address.
"""

import os
import socket

from tests.harness import control
from tests.harness import daemon
from tests.harness import namespace

NETWORK = "198.18.0.0/15"
# Where rbl-relayd tests from and receives.
TESTER = "198.18.0.2"
DOMAIN = "t.rbld.test"
PORT = 25

# The schedule in seconds, that a test may see all of it.
SCHEDULE = {
    "retry": ["3s", "3s", "3s"],
    "session_gap": "1s",
    "late_mail": "10s",
    "sessions_per_day": 1000,
    "sessions_per_network_hour": 1000,
}

_CONFIG = """
[relay]
list = "relays"
domain = "%(domain)s"
lab_networks = ["%(network)s"]
never = ["%(tester)s"]
%(schedule)s
"""


def _toml(value):
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(_toml, value))
    return '"%s"' % value if isinstance(value, str) else str(value)


def relayd_path():
    return daemon.runfile("relay/rbl-relayd")


def why_not(*programs):
    """None, or why there can be no lab here."""
    if namespace.why_not():
        return namespace.why_not()
    for program in ("ip",) + programs:
        if not os.path.exists(program) and not daemon.find_program(program):
            return program + " is not installed (scripts/packages.txt)"
    return None


def enter(scratch, files=None):
    """Once a test program, before anything is started."""
    namespace.use_network(NETWORK)
    # sendmail wants to know its own name, and the tester's.
    for path, text in (("/etc/hosts", "127.0.0.1 localhost relay.test %s\n"
                        "%s tester.%s\n"
                        % (socket.gethostname(), TESTER, DOMAIN)),
                       ("/etc/resolv.conf", "nameserver 127.0.0.1\n")):
        ours = scratch.write(os.path.basename(path), text)
        os.chmod(ours, 0o644)
        files = dict(files or {}, **{path: ours})
    namespace.use_files(files)


class Lab:
    """rbld and one rbl-relayd."""

    def __init__(self, scratch, schedule=None, relayd_flags=()):
        self.scratch = scratch
        self.relayd_socket = scratch.join("relayd.sock")
        keys = dict(SCHEDULE, **(schedule or {}))
        self.rbld = daemon.Rbld(
            scratch, control_keys='relayd_socket = "%s"' % self.relayd_socket,
            more=_CONFIG % {
                "domain": DOMAIN, "network": NETWORK, "tester": TESTER,
                "schedule": "\n".join("%s = %s" % (key, _toml(value))
                                      for key, value in keys.items())})
        self._flags = list(relayd_flags)
        self.relayd = None

    def start_relayd(self):
        self.relayd = daemon.Program(
            [relayd_path(), "--control", self.relayd_socket,
             "--listen", "%s:%d" % (TESTER, PORT), "--source", TESTER,
             "--name", "tester." + DOMAIN, "--noreverse_names"] + self._flags,
            self.scratch.join("relayd.log"))
        daemon.wait_until("rbl-relayd", lambda: "makes up to" in
                          self.relayd.log(), self.relayd)

    def __enter__(self):
        self.rbld.start()
        self.api = control.Control(self.rbld.socket_path)
        self.start_relayd()
        return self

    def __exit__(self, *unused):
        if self.relayd is not None and self.relayd.running():
            self.relayd.stop()
        self.api.close()
        self.rbld.stop()

    def report(self, address):
        return self.api.request("POST", "/v1/relay/reports",
                                {"target": address})

    def case(self, address):
        return self.api.request("GET", "/v1/relay/cases/" + address)

    def evidence(self, address):
        return self.api.request("GET", "/v1/relay/evidence/" + address)[
            "evidence"]

    def is_listed(self, address):
        return bool(self.rbld.ask_address(address).answer)

    def wait_for_verdict(self, address, timeout_seconds=120):
        def verdict():
            word = self.case(address)["verdict"]
            return None if word == "none" else word
        return daemon.wait_until("a verdict on " + address, verdict,
                                 self.relayd, timeout_seconds)


def listens(address, port=PORT):
    with socket.socket() as sock:
        sock.settimeout(5)
        try:
            sock.connect((address, port))
        except OSError:
            return False
        return True
