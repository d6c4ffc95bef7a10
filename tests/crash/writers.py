"""Clients that change the list until the daemon dies under them.

Each writer owns targets that no other writer touches and has one request under
way at a time. So after a crash every target has one of two states that are
right: what was acknowledged last, or what the one request without an answer
asked for.
"""

import os
import random
import subprocess

from tests.harness import control
from tests.harness import daemon

LIST = "relays"


class Writer:
    """`acknowledged` and `pending` are {target: reason or None (not listed)}.

    `pending` is None while no request is under way.
    """

    name = "writer"
    source = "manual"

    def __init__(self, rbld, seed):
        self.rbld = rbld
        self.random = random.Random(seed)
        self.acknowledged = {}
        self.pending = None
        self.sequences = []
        self.requests = 0
        self.problem = None

    def targets(self):
        """Every target that this writer may ever list."""
        raise NotImplementedError

    def run_until_killed(self):
        """The body of the writer's thread."""
        client = control.Control(self.rbld.socket_path)
        try:
            while True:
                self.requests += 1
                if not self.step(client):
                    return
        except Exception as error:  # pylint: disable=broad-except
            self.problem = "%s: %r" % (self.name, error)
        finally:
            client.close()

    def step(self, client):
        """One request. False when the daemon is gone."""
        raise NotImplementedError

    def send(self, client, wanted):
        """Asks for `wanted` ({target: reason or None}) in one batch."""
        changes = []
        for target, reason in wanted.items():
            change = {"verb": "add" if reason else "remove", "list": LIST,
                      "target": target}
            if reason:
                change["values"] = [{"code": "127.0.0.2", "reason": reason}]
            else:
                change["source"] = self.source
            changes.append(change)
        self.pending = wanted
        try:
            result = client.change(changes, why="crash test")
        except control.OutcomeUnknown:
            return False
        self.acknowledge(result["sequence"])
        return True

    def acknowledge(self, sequence):
        self.acknowledged.update(self.pending)
        self.pending = None
        self.sequences.append(sequence)

    def outcomes(self):
        """The states that are right now, each {target: reason}."""
        def listed(state):
            return {t: r for t, r in state.items() if r}
        right = [listed(self.acknowledged)]
        if self.pending is not None:
            right.append(listed({**self.acknowledged, **self.pending}))
        return right

    def settle(self, found):
        """After the check: what was found is what is."""
        self.acknowledged = dict(found)
        self.pending = None
        self.sequences = []


class SingleWriter(Writer):
    """Adds, changes and removes one target at a time."""

    def __init__(self, rbld, seed, number):
        super().__init__(rbld, seed)
        self.name = "single %d" % number
        self._targets = (
            ["10.%d.0.%d" % (number, i) for i in range(120)]
            + ["10.%d.%d.0/24" % (number, i) for i in range(1, 20)]
            + ["2001:db8:%d::%x" % (number, i) for i in range(1, 40)]
            + ["host%d.writer%d.example.com" % (i, number) for i in range(20)])

    def targets(self):
        return self._targets

    def step(self, client):
        target = self.random.choice(self._targets)
        reason = None
        if not self.acknowledged.get(target) or self.random.random() < 0.3:
            reason = "round trip %d of %s" % (self.requests, self.name)
        return self.send(client, {target: reason})


class BatchWriter(Writer):
    """Gives all of its targets one new reason, in one batch, or none."""

    SIZE = 40

    def __init__(self, rbld, seed):
        super().__init__(rbld, seed)
        self.name = "batch"

    def targets(self):
        return ["10.100.0.%d" % i for i in range(self.SIZE)]

    def step(self, client):
        reason = "batch %d" % self.requests
        if self.random.random() < 0.2:
            reason = None
        return self.send(client, {t: reason for t in self.targets()})


class ImportWriter(Writer):
    """Imports a feed of which a part is new each time."""

    SIZE = 3000
    MOVED = 300
    source = "feed"

    def __init__(self, rbld, seed):
        super().__init__(rbld, seed)
        self.name = "import"

    def targets(self):
        return ["10.%d.%d.%d" % (200 + i // 65536, i // 256 % 256, i % 256)
                for i in range(self.SIZE * 2)]

    def step(self, client):
        first = self.requests * self.MOVED % self.SIZE
        targets = self.targets()
        wanted = targets[first:first + self.SIZE]
        self.random.shuffle(wanted)
        path = os.path.join(self.rbld.scratch.path, "feed")
        with open(path, "w") as out:
            out.write("\n".join(wanted) + "\n")
        self.pending = {t: None for t in targets}
        self.pending.update({t: "listed" for t in wanted})
        done = subprocess.run(
            [daemon.rblctl_path(), "--socket", self.rbld.socket_path,
             "import", "--json", "--list", LIST, "--source", self.source,
             "--force", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8")
        if done.returncode in (4, 5):  # no daemon, or its answer did not come
            return False
        if done.returncode != 0:
            raise RuntimeError("import: exit %d: %s" % (done.returncode,
                                                        done.stderr))
        self.acknowledge(daemon.json.loads(done.stdout)["sequence"])
        return True


def all_writers(rbld, seed):
    return [SingleWriter(rbld, seed * 100 + n, n) for n in range(1, 4)] + [
        BatchWriter(rbld, seed * 100 + 50), ImportWriter(rbld, seed * 100 + 60)]
