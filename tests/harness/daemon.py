"""Starts and ends real programs for the tests, and leaves none behind.

Every child is told by the kernel to end when the test does (PR_SET_PDEATHSIG),
so even a test that is killed leaves no server. Folders are short, because a
Unix socket's path may have 107 bytes at most.
"""

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from tests.harness import dns_client

# .../tests/harness/daemon.py: the folder that holds tests/, server/ and so on,
# which are Bazel's runfiles.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 60.0

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def runfile(path):
    """The place of a file that the test named in its `data`."""
    return os.path.join(ROOT, path)


def rbld_path():
    return runfile("server/rbld")


def test_rbld_path():
    return runfile("tests/harness/test_rbld")


def rblctl_path():
    return runfile("tools/rblctl")


def find_program(name):
    """A program of the system; daemons stand outside a user's PATH."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(name, path=path)


def free_port():
    """A port that is free for UDP and TCP on both loopback addresses.

    Below the range that the kernel gives to clients, so that no client takes it
    between now and the server's start.
    """
    for _ in range(200):
        port = random.SystemRandom().randrange(15000, 32000)
        if _port_is_free(port):
            return port
    raise RuntimeError("no free port found between 15000 and 32000")


def _port_is_free(port):
    places = [(socket.AF_INET, "127.0.0.1")]
    if have_ipv6():
        places.append((socket.AF_INET6, "::1"))
    for family, address in places:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as sock:
                try:
                    sock.bind((address, port))
                except OSError:
                    return False
    return True


def have_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


class Scratch:
    """A short temporary folder that is gone after the `with` block."""

    def __init__(self, mode=0o700):
        self._mode = mode
        self.path = None

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="rbld-", dir=_short_tmp())
        os.chmod(self.path, self._mode)
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.path, ignore_errors=True)

    def join(self, *parts):
        return os.path.join(self.path, *parts)

    def write(self, name, text):
        path = self.join(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path


def _short_tmp():
    for folder in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp"):
        if folder and len(folder) <= 40 and os.access(folder, os.W_OK):
            return folder
    return None


class Program:
    """A child process with its output in a file."""

    def __init__(self, argv, log_path, cwd=None, env=None, cpu=None):
        self.argv = argv
        self.log_path = log_path
        parent = os.getpid()

        def before_exec():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})

        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=cwd, env=env, preexec_fn=before_exec)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def log(self):
        with open(self.log_path, "r", errors="replace") as text:
            return text.read()

    def stop(self, sig=signal.SIGTERM):
        """Ends it and returns its exit status; kills it if it will not go."""
        if self.running():
            self.process.send_signal(sig)
            try:
                self.process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(
                    "%s did not end within %d s of signal %d; its log:\n%s"
                    % (self.argv[0], STOP_TIMEOUT_SECONDS, sig, self.log()))
        return self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.running():
            self.kill()


def wait_until(what, condition, program=None,
               timeout_seconds=START_TIMEOUT_SECONDS, pause_seconds=0.02):
    """Polls until `condition` gives something true, and returns that."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        result = condition()
        if result:
            return result
        if program is not None and not program.running():
            raise RuntimeError("%s ended with %s while waiting for %s:\n%s" % (
                program.argv[0], program.process.returncode, what,
                program.log()))
        if time.monotonic() > deadline:
            raise RuntimeError("waited %d s in vain for %s\n%s" % (
                timeout_seconds, what, program.log() if program else ""))
        time.sleep(pause_seconds)


def answers(server, name, rtype=dns_client.A):
    """The Response, or None while nobody answers."""
    try:
        return dns_client.ask(server, name, rtype, timeout_seconds=0.5)
    except (OSError, ValueError):
        return None


def toml_string(text):
    return json.dumps(text)


class CommandResult:
    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return "exit %d\nstdout: %s\nstderr: %s" % (self.code, self.out,
                                                    self.err)


class Rbld:
    """One rbld with a configuration of its own in a scratch folder.

    `zone` holds the list "relays". start() returns once DNS answers.
    """

    ZONE = "relays.rbld.test"

    def __init__(self, scratch, zone=ZONE, zone_keys="", list_keys="",
                 more="", server_keys="", store_keys="", control_keys="",
                 kind=("mixed", "names"),
                 workers=1, port=None, binary=None, cpu=None, ttl_seconds=300,
                 ipv6=None):
        self.scratch = scratch
        self.zone = zone
        self.port = port or free_port()
        self.binary = binary or rbld_path()
        self.cpu = cpu
        self.program = None
        self.extra_flags = []
        self.socket_path = scratch.join("op.sock")
        self.store_path = scratch.join("store")
        self.log_path = scratch.join("rbld.log")
        self.ipv6 = have_ipv6() if ipv6 is None else ipv6
        listen = ["127.0.0.1:%d" % self.port]
        if self.ipv6:
            listen.append("[::1]:%d" % self.port)
        self.config_path = scratch.write("rbld.toml", CONFIG % {
            "store": toml_string(self.store_path),
            "store_keys": store_keys,
            "listen": json.dumps(listen),
            "workers": workers,
            "server_keys": server_keys,
            "operator": toml_string(self.socket_path),
            "control_keys": control_keys,
            "list_keys": list_keys,
            "zone": toml_string(zone),
            "kind": json.dumps(kind),
            "ttl": ttl_seconds,
            "zone_keys": zone_keys,
            "more": more,
        })

    @property
    def server(self):
        return ("127.0.0.1", self.port)

    @property
    def server6(self):
        return ("::1", self.port)

    def start(self, wait=True):
        self.program = Program(
            [self.binary, "--config", self.config_path] + self.extra_flags,
            self.log_path, cwd=self.scratch.path, cpu=self.cpu)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        wait_until("an answer of rbld for " + self.zone,
                   lambda: answers(self.server, self.zone, dns_client.SOA),
                   self.program)
        wait_until("rbld's control socket", self._control_listens,
                   self.program)

    def _control_listens(self):
        # A killed daemon leaves its socket's file, so that is no sign.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            try:
                sock.connect(self.socket_path)
            except OSError:
                return False
        return True

    def stop(self):
        return self.program.stop()

    def kill(self):
        self.program.kill()

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        if self.program is not None and self.program.running():
            self.program.stop()

    def ctl(self, *args, stdin=None, timeout_seconds=600):
        """Runs rblctl against this daemon."""
        done = subprocess.run(
            [rblctl_path(), "--socket", self.socket_path] + list(args),
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="replace", timeout=timeout_seconds)
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def ctl_json(self, *args, stdin=None):
        """The same with --json, and the command must succeed."""
        result = self.ctl(*args, "--json", stdin=stdin)
        if result.code != 0:
            raise RuntimeError("rblctl %s: %r" % (" ".join(args), result))
        return result.json()

    def _must(self, *args):
        result = self.ctl(*args)
        if result.code != 0:
            raise RuntimeError("rblctl %s: %r" % (" ".join(args), result))
        return result

    def add(self, *targets):
        return self._must("add", "--list", "relays", *targets)

    def remove(self, *targets):
        return self._must("remove", "--list", "relays", *targets)

    def import_feed(self, path, source, *flags):
        """The summary of an import that must succeed."""
        return self.ctl_json("import", "--list", "relays", "--source", source,
                             *flags, path)

    def ask(self, name, rtype=dns_client.A, **kwargs):
        return dns_client.ask(self.server, name, rtype, **kwargs)

    def ask_address(self, address, rtype=dns_client.A, **kwargs):
        return self.ask(dns_client.reversed_name(address, self.zone), rtype,
                        **kwargs)


CONFIG = """\
[store]
directory = %(store)s
%(store_keys)s

[server]
listen = %(listen)s
workers = %(workers)d
%(server_keys)s

[control]
operator_socket = %(operator)s
%(control_keys)s

[[list]]
name = "relays"
allow_special_purpose = true
%(list_keys)s

[[zone]]
name = %(zone)s
kind = %(kind)s
lists = ["relays"]
ttl = %(ttl)d
ns = ["ns1.rbld.test"]
%(zone_keys)s

%(more)s
"""
