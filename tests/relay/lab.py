"""A closed lab for relay tests: rbld, rbl-relayd, and mail servers whose truth
is known, each on a host of its own, on 198.18.0.0/15 (RFC 2544).

The hosts are network namespaces that reach only one another. rbld lets their
addresses through by `lab_networks`, the one key meant for that; the guards stay
on for every other address.
"""

import os
import re
import socket
import struct
import subprocess

from tests.harness import control
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import namespace

NETWORK = "198.18.0.0/15"
PREFIX_LENGTH = 15
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
[[list]]
name = "outputs"
allow_special_purpose = true

[relay]
list = "relays"
output_list = "outputs"
domain = "%(domain)s"
lab_networks = %(networks)s
never = ["%(tester)s"]
%(schedule)s
"""


def _toml(value):
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(_toml, value))
    return '"%s"' % value if isinstance(value, str) else str(value)


def relayd_path():
    return daemon.runfile("relay/rbl-relayd")


def deliver_path():
    return daemon.runfile("relay/rbl-deliver")


def why_not(*programs):
    """None, or why there can be no lab here."""
    if namespace.why_not():
        return namespace.why_not()
    for program in ("ip",) + programs:
        if not os.path.exists(program) and not daemon.find_program(program):
            return program + " is not installed (scripts/packages.txt)"
    return None


_switch = None
_hosts = {}


def enter(scratch, files=None):
    """Once a test program, before anything is started."""
    global _switch
    _switch = namespace.Switch(TESTER, PREFIX_LENGTH)
    # sendmail wants to know its own name, and the tester's.
    for path, text in (("/etc/hosts", "127.0.0.1 localhost relay.test %s\n"
                        "%s tester.%s\n"
                        % (socket.gethostname(), TESTER, DOMAIN)),
                       ("/etc/resolv.conf", "nameserver 127.0.0.1\n")):
        ours = scratch.write(os.path.basename(path), text)
        os.chmod(ours, 0o644)
        files = dict(files or {}, **{path: ours})
    namespace.use_files(files)


def host(address, more=None):
    """The host with that address, which is made when it is first named."""
    if address not in _hosts:
        _hosts[address] = namespace.Host(_switch, address, more)
    return _hosts[address]


class Server:
    """A mail server on a host of its own; what it is, its subclasses say."""

    name = "a server"

    def __init__(self, scratch, address):
        self.address = address
        self.host = host(address)
        self.scratch = scratch
        self.dir = scratch.join("%s-%s" % (type(self).__name__.lower(),
                                           address))
        os.makedirs(self.dir)
        self.program = None
        self._ours = 0

    def argv(self):
        raise NotImplementedError

    def configure(self, kind):
        """Takes effect with the next start."""
        raise NotImplementedError

    def start(self):
        self.program = daemon.Program(self.host.command(self.argv()),
                                      self.dir + ".out")
        before = self.host.accepted()
        daemon.wait_until(self.name, lambda: listens(self.address),
                          self.program)
        self._ours += self.host.accepted() - before
        return self

    def stop(self):
        if self.program.running():
            self.program.stop()

    def sessions(self):
        """How many connections it has accepted, save those of start()."""
        return self.host.accepted() - self._ours

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()


class FakeClock:
    """How far rbld's clock is ahead of the system's."""

    def __init__(self, scratch):
        self.path = scratch.join("clock")
        self.seconds = 0
        self.advance(0)

    def advance(self, seconds):
        self.seconds += seconds
        if not os.path.exists(self.path):
            with open(self.path, "wb") as out:
                out.write(bytes(8))
        # In place: rbld has mapped the file.
        with open(self.path, "r+b") as out:
            out.write(struct.pack("=q", self.seconds))


class Lab:
    """rbld and one rbl-relayd.

    `schedule` has keys of [relay] that differ from SCHEDULE, or, with
    `defaults`, from rbld's own. With `clock`, a FakeClock, rbld goes by it;
    rbl-relayd never does: it only measures how long things take. With another
    `address` than TESTER, rbl-relayd is on a host of its own. Without `catches`
    it only tests, without `tests` it only receives; `open_files` is its limit.
    """

    def __init__(self, scratch, schedule=None, relayd_flags=(), clock=None,
                 defaults=False, catches=True, tests=True, open_files=None,
                 address=TESTER, domain=DOMAIN, networks=(NETWORK,)):
        self.scratch = scratch
        self.address = address
        self.domain = domain
        self._tests = tests
        self._open_files = open_files
        self.relayd_socket = scratch.join("relayd.sock")
        keys = dict({} if defaults else SCHEDULE, **(schedule or {}))
        self.rbld = daemon.Rbld(
            scratch, control_keys='relayd_socket = "%s"' % self.relayd_socket,
            more=_CONFIG % {
                "domain": domain, "networks": _toml(list(networks)),
                "tester": address,
                "schedule": "\n".join("%s = %s" % (key, _toml(value))
                                      for key, value in keys.items())})
        if clock is not None:
            self.rbld.binary = daemon.test_rbld_path()
            self.rbld.extra_flags = ["--clock_file", clock.path]
        self._flags = list(relayd_flags)
        self._catches = catches
        self._relayds = 0
        self.relayd = None

    def start_relayd(self):
        self.relayd = self.new_relayd(listens=self._catches)

    def new_relayd(self, listens=True):
        """Starts one, and returns it as soon as it works."""
        self._relayds += 1
        argv = [relayd_path(), "--control", self.relayd_socket,
                "--listen", "%s:%d" % (self.address, PORT) if listens else "",
                "--source", self.address, "--name", "tester." + self.domain,
                "--noreverse_names"] + self._flags
        if not self._tests:
            argv.append("--notests")
        if self._open_files:
            argv = ["prlimit", "--nofile=%d:%d" % (self._open_files,
                                                   self._open_files)] + argv
        if self.address != TESTER:
            argv = host(self.address).command(argv)
        program = daemon.Program(
            argv, self.scratch.join("relayd%d.log" % self._relayds))
        ready = "makes up to" if self._tests else "receives mail"
        daemon.wait_until("rbl-relayd", lambda: ready in program.log(),
                          program)
        return program

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

    def tokens(self, address):
        """Those that the address was given to relay, as it told them."""
        return [token for piece in self.evidence(address)
                if piece["kind"] == "session"
                for token in re.findall(r"RCPT TO:.*?\b([a-z2-7]{32})\b",
                                        piece["text"])]

    def is_listed(self, address):
        return bool(self.rbld.ask_address(address).answer)

    def dig(self, address):
        """What dig +short says of the address."""
        name = dns_client.reversed_name(address, self.rbld.zone)
        done = subprocess.run(
            ["dig", "+short", "@" + self.rbld.server[0], "-p",
             str(self.rbld.port), name, "A"],
            stdout=subprocess.PIPE, encoding="utf-8", check=True)
        return done.stdout.strip()

    def wait_for_verdict(self, address, timeout_seconds=120):
        """The verdict, once nothing of its test is under way any more."""
        def verdict():
            case = self.case(address)
            return (case["verdict"] if case["verdict"] != "none" and
                    case["lease"] is None else None)
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
