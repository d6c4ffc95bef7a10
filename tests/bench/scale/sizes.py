"""All that is measured at one number of listings: cost, memory, start, change,
compaction.

`parts` says which of them; the growth plot has all.
"""

import contextlib
import signal
import subprocess

from tests.bench.scale import change
from tests.bench.scale import compaction
from tests.bench.scale import cost
from tests.bench.scale import data
from tests.bench.scale import memory
from tests.bench.scale import servers
from tests.bench.scale import start
from tests.harness import daemon

PARTS = ("cpu", "memory", "start", "change", "compaction")
# Fewer listings have no base of their own, or one that nobody could notice.
LEAST_COMPACTED = 1_000_000
# Of the time that the servers are asked before memory counts, when their cost
# is not measured.
TOUCH_SECONDS = 5
# What leaves a figure out and not the others.
FAILURES = (servers.Missing, RuntimeError, OSError, ValueError,
            subprocess.SubprocessError)


class AtSize:
    """The servers with the same listings, and what was found of them."""

    def __init__(self, scratch, files, args):
        self.scratch = scratch
        self.files = files
        self.args = args
        self.found = {"missing": {}}
        self.found.update({part: {} for part in PARTS})
        self.servers = {}

    def missing(self, name, why):
        print("  %s: no figure: %s" % (name, why), flush=True)
        self.found["missing"][name] = str(why)

    def _add(self, server_class, *more):
        """Prepares, starts and keeps a server, or tells why not."""
        server = None
        try:
            server = server_class(self.scratch, self.files, *more)
            server.prepare()
            server.start()
            self.servers[server.name] = server
        except FAILURES as why:
            self.missing(server_class.name, why)
            if server is not None:
                server.end(signal.SIGKILL)

    def _part(self, name, measure):
        """A part that fails leaves no figure, and the others theirs."""
        try:
            measure()
        except FAILURES as why:
            self.missing(name, why)

    def start_all(self, peers):
        self._add(servers.Echo)
        self._add(servers.Rbld)
        for name in ("echo", "rbld"):
            if name not in self.servers:
                raise RuntimeError(self.found["missing"][name])
        self.memory_now("started")
        if "rbldnsd" in peers:
            self._add(servers.Rbldnsd)
        plain = [one for one in (servers.Knot, servers.Nsd)
                 if one.name in peers]
        zone_file = None
        if plain and self.files.size <= servers.MOST_OF_PLAIN_ZONES:
            rbld = self.servers["rbld"]
            zone_file = rbld.zone_file()
            # What the dump needed for a while is not what serving needs.
            rbld.end()
            rbld.start()
        for one in plain:
            self._add(one, zone_file)

    def memory_now(self, when):
        """Of each server that runs now and has not been looked at."""
        for name, server in self.servers.items():
            if server.program is not None and server.program.running():
                self.found["memory"].setdefault(name, {}).setdefault(
                    when, memory.resident(server))

    def measure(self, parts, peers):
        self.start_all(peers)
        self.memory_now("started")
        if "cpu" in parts or "memory" in parts:
            self._part("cpu", lambda: self.costs("cpu" in parts))
        if "change" in parts:
            self._part("change", self.changes)
        if "compaction" in parts and self.files.size >= LEAST_COMPACTED:
            self._part("compaction", self.compactions)
        if "start" in parts:
            self._part("start", self.starts)

    def costs(self, whole):
        """And memory, after so many questions. Not `whole`: memory alone."""
        found = cost.measure(
            self.servers, self.files.queries(),
            self.args.rounds if whole else 1,
            self.args.seconds if whole else TOUCH_SECONDS)
        if whole:
            self.found["cpu"] = found
        self.memory_now("asked")
        self.found["memory"]["rbld"]["index"] = memory.index(
            self.servers["rbld"])

    def changes(self):
        found = self.found["change"]
        found["rbld"] = change.rbld_rounds(
            self.servers["rbld"], self.files.queries(), self.args.rounds,
            self.args.change_seconds)
        for name in change.PEERS:
            if name in self.servers:
                found[name] = change.peer_rounds(self.servers[name])

    def compactions(self):
        rbld = self.servers["rbld"]
        # At its end it works changes into the base that others have left.
        rbld.end()
        rbld.start()
        self.found["compaction"]["rbld"] = compaction.measure(
            rbld, self.files.queries(), self.args.rounds)

    def starts(self):
        """One server at a time; the others are gone."""
        for server in self.servers.values():
            server.end()
        for name, server in self.servers.items():
            if name == "echo":
                continue
            found = self.found["start"][name] = {}
            server.start()
            found["clean"] = start.after_a_clean_stop(server, self.args.rounds)
            if name == "rbld":
                found["killed"] = start.after_a_kill(server, self.args.rounds)
            server.end()


def measure(work, size, parts, peers, args):
    """{part: figures of each part, "missing": {name: why}} at that size."""
    print("%d listings" % size, flush=True)
    with daemon.Scratch(mode=0o755) as scratch, contextlib.ExitStack() as ends:
        one = AtSize(scratch, data.Files(work, size), args)
        # Also what a failed part left, of which no more is wanted.
        ends.callback(lambda: [s.end(signal.SIGKILL)
                               for s in one.servers.values()])
        one.measure(parts, peers)
        return one.found
