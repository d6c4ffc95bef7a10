"""The targets of the kill tests: kill_targets_main.py on a host that owns a
whole network of addresses.
"""

import json
import os
import socket
import sys

from tests.harness import daemon
from tests.relay import lab

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "kill_targets_main.py")
_HOST = "198.18.0.3"
_NETWORK = "198.19.0.0/16"
# Neighbours share a /24, where one session at a time is allowed.
_NEIGHBOURS = 4

# By share; what each is found to be, kill_verify knows.
_KINDS = ["open", "closed", "greylist", "open", "bounce", "closed", "percent",
          "open", "discard", "closed"]


def kinds(count):
    """{address: kind} of so many targets, in the order of their reports."""
    networks = -(-count // _NEIGHBOURS)
    # Neighbours come far apart, and nearer the later they come.
    return {"198.19.%d.%d" % (i % networks, i // networks + 1):
            _KINDS[i % len(_KINDS)] for i in range(count)}


class Targets:

    def __init__(self, scratch, kinds_by_address):
        targets = scratch.write("targets.json", json.dumps(kinds_by_address))
        self._socket = scratch.join("targets.sock")
        self.program = daemon.Program(
            lab.host(_HOST, more=_NETWORK).command(
                [sys.executable, _PROGRAM, targets, self._socket, lab.TESTER,
                 lab.DOMAIN]), scratch.join("targets.log"))
        daemon.wait_until("the targets",
                          lambda: os.path.exists(self._socket), self.program)

    def _ask(self, what):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(60)
            sock.connect(self._socket)
            sock.sendall(what + b"\n")
            with sock.makefile("rb") as reply:
                return json.loads(reply.readline())

    def state(self):
        """How many connections are "open", and messages "pending", or "storing"
        at the catcher just now."""
        return self._ask(b"state")

    def log(self):
        return self._ask(b"log")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.program.running():
            self.program.kill()
