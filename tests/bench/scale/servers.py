"""Starts the servers that are compared, on the server's core, and ends them.

Each is an object with `name`, start(), end(), `pid` and `port`, so that a part
of the benchmark need not know which it has. All sizes up to 100 million: what
takes minutes is waited for.
"""

import os
import signal
import subprocess
import time

from tests.bench import bench
from tests.bench.scale import data
from tests.bench.scale import figures
from tests.harness import control
from tests.harness import daemon
from tests.harness import dns_client

# Loading 100 million listings, by whoever is slowest at it.
START_SECONDS = 1800
STOP_SECONDS = 600
IMPORT_SECONDS = 3600
# Of the peers that hold plain zones.
MOST_OF_PLAIN_ZONES = 1_000_000


class Missing(Exception):
    """A figure that cannot be taken, and why."""


class Server:
    """What all have: a process with a port of its own."""

    name = None
    listed_share = bench.LISTED_SHARE

    def __init__(self, scratch, files, cpu=bench.SERVER_CPU):
        self.scratch = scratch
        self.files = files
        self.cpu = cpu
        self.port = daemon.free_port()
        self.program = None

    def prepare(self):
        """What is done once, before the first start."""

    def command(self):
        raise NotImplementedError

    def spawn(self):
        """Starts it and does not wait."""
        self.program = daemon.Program(
            self.command(), self.scratch.join(self.name + ".log"),
            cwd=self.scratch.path, cpu=self.cpu)

    def start(self):
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self):
        name = bench.address_name("127.0.0.2")
        daemon.wait_until(
            self.name, lambda: daemon.answers(("127.0.0.1", self.port), name),
            self.program, timeout_seconds=START_SECONDS)

    @property
    def pid(self):
        return self.program.pid

    @property
    def server(self):
        return ("127.0.0.1", self.port)

    def warm(self):
        """Everything that it reads at its start, into the page cache."""
        data.read_through(self.scratch.path)

    def end(self, sig=signal.SIGTERM):
        if self.program is None or not self.program.running():
            return
        self.program.process.send_signal(sig)
        try:
            self.program.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.program.kill()
            raise RuntimeError("%s did not end within %d s" % (
                self.name, STOP_SECONDS)) from None


class Echo(Server):
    name = "echo"
    listed_share = None

    def command(self):
        return [daemon.runfile("tests/bench/echo"), str(self.port)]


class Rbld(Server):
    """`rbld` is the harness's object, with the configuration."""

    name = "rbld"

    def __init__(self, scratch, files, cpu=bench.SERVER_CPU, workers=1,
                 server_keys=""):
        super().__init__(scratch, files, cpu)
        self.rbld = daemon.Rbld(
            scratch, zone=bench.ZONE, kind=files.kind, workers=workers,
            port=self.port, ipv6=False, server_keys=server_keys,
            list_keys='code = "127.0.0.2"\nreason = "%s"' % bench.REASON)

    def command(self):
        return [self.rbld.binary, "--config", self.rbld.config_path]

    def spawn(self):
        super().spawn()
        self.rbld.program = self.program

    def wait_ready(self):
        super().wait_ready()
        self.rbld.wait_ready()

    def prepare(self):
        """Imports the listings. Then it is started anew, so that what the
        import needed for a while does not count."""
        self.start()
        began = time.monotonic()
        result = self.rbld.ctl(
            "import", "--list", "relays", "--source", "bench", "--format",
            data.IMPORT_FORMATS[self.files.kind], self.files.listings(),
            timeout_seconds=IMPORT_SECONDS)
        if result.code != 0:
            raise RuntimeError("import: %r" % result)
        self.import_seconds = time.monotonic() - began
        print("  %s listings imported in %.1f s" % (
            figures.count(self.files.size), self.import_seconds), flush=True)
        held = self.list_figures()["listings"]
        if held != self.files.size:
            raise RuntimeError("%d of %d listings were imported: %r"
                               % (held, self.files.size, result))
        self.end()

    def list_figures(self):
        """What the control API tells of the list."""
        client = control.Control(self.rbld.socket_path)
        try:
            return client.request("GET", "/v1/lists/relays")
        finally:
            client.close()

    def zone_file(self):
        """The zone as NSD and Knot load it."""
        folder = self.scratch.join("dump")
        os.makedirs(folder, exist_ok=True)
        result = self.rbld.ctl("dump", bench.ZONE, "--to", folder, "--format",
                               "rfc1035", timeout_seconds=IMPORT_SECONDS)
        if result.code != 0:
            raise RuntimeError("dump: %r" % result)
        return os.path.join(folder, bench.ZONE + ".zone")


def _program(name):
    path = daemon.find_program(name)
    if not path:
        raise Missing("%s is not installed; scripts/packages.txt tells which "
                      "package has it and how to get it" % name)
    return path


class Rbldnsd(Server):
    """Debian's rbldnsd with the same listings and texts."""

    name = "rbldnsd"

    def prepare(self):
        self._binary = _program("rbldnsd")
        # What is changed has a file of its own, in the same dataset: the
        # listings are kept for other runs.
        self.scratch.write("head", "$SOA 300 ns.bench.test host.bench.test 1 "
                           "3600 600 604800 60\n")
        code, reason = data.first_pair(self.files.listings())
        self.extra = self.scratch.write("extra", ":%s:%s\n" % (code, reason))
        for path in (self.scratch.join("head"), self.extra):
            os.chmod(path, 0o644)

    def command(self):
        argv = [self._binary, "-n", "-q", "-t", "300", "-w", self.scratch.path,
                "-b", "127.0.0.1/%d" % self.port]
        if os.geteuid() == 0:
            argv += ["-u", "nobody"]  # it will not be root
        return argv + ["%s:%s:head,%s,extra" % (
            bench.ZONE, data.FORMATS[self.files.kind], self.files.listings())]

    def warm(self):
        data.read_file(self.files.listings())


class PlainZone(Server):
    """A name server that loads the zone as RFC 1035 has it."""

    def __init__(self, scratch, files, zone_file, cpu=bench.SERVER_CPU):
        super().__init__(scratch, files, cpu)
        if files.size > MOST_OF_PLAIN_ZONES:
            raise Missing("only up to %d listings as a plain zone"
                          % MOST_OF_PLAIN_ZONES)
        self.zone_file = zone_file
        self.folder = scratch.join(self.name)
        os.makedirs(self.folder)

    def wait_ready(self):
        daemon.wait_until(
            self.name,
            lambda: self._knows(self.files.listed(1)[0]), self.program,
            timeout_seconds=START_SECONDS)

    def _knows(self, address):
        answer = daemon.answers(self.server, bench.address_name(address))
        return answer is not None and answer.values(dns_client.A)


class Knot(PlainZone):
    name = "knot"

    CONFIG = """\
server:
    rundir: "%(folder)s"
    listen: 127.0.0.1@%(port)d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: "%(folder)s/knot.sock"
database:
    storage: "%(folder)s"
log:
  - target: stderr
    any: error
zone:
  - domain: %(zone)s
    file: "%(file)s"
    zonefile-sync: -1
    semantic-checks: off
"""

    def prepare(self):
        self._binary = _program("knotd")
        self._client = _program("knotc")
        self.config = self.scratch.write("knot/knot.conf", self.CONFIG % {
            "folder": self.folder, "port": self.port, "zone": bench.ZONE,
            "file": self.zone_file})

    def command(self):
        return [self._binary, "-c", self.config]

    def control(self, *words):
        """The command line of knotc for it."""
        return [self._client, "-c", self.config, *words]


class Nsd(PlainZone):
    name = "nsd"

    CONFIG = """\
server:
  ip-address: 127.0.0.1@%(port)d
  username: ""
  chroot: ""
  database: ""
  zonesdir: "%(folder)s"
  pidfile: "%(folder)s/nsd.pid"
  xfrdfile: "%(folder)s/xfrd.state"
  zonelistfile: "%(folder)s/zone.list"
  xfrdir: "%(folder)s"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "%(zone)s"
  zonefile: "%(file)s"
"""

    def prepare(self):
        self._binary = _program("nsd")
        # Its own: changes are lines of the file.
        self.own_file = os.path.join(self.folder, "zone")
        with open(self.zone_file, "rb") as whole, \
                open(self.own_file, "wb") as out:
            for block in iter(lambda: whole.read(1 << 20), b""):
                out.write(block)
        self.config = self.scratch.write("nsd/nsd.conf", self.CONFIG % {
            "folder": self.folder, "port": self.port, "zone": bench.ZONE,
            "file": self.own_file})

    def command(self):
        return [self._binary, "-d", "-c", self.config]
