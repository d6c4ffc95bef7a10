"""Rounds of: start, change, kill -9, start again, check."""

import random
import threading
import time

from tests.crash import verify
from tests.crash import writers as writers_module
from tests.harness import control
from tests.harness import daemon

# How long the writers run before the kill.
MIN_RUN_SECONDS = 0.05
MAX_RUN_SECONDS = 0.6


class Summary:
    def __init__(self):
        self.rounds = 0
        self.requests = 0
        self.acknowledged = 0
        self.unanswered = 0
        self.listings = 0
        self.sequence = 0

    def __str__(self):
        return ("%d rounds: %d requests, %d acknowledged, %d without an answer; "
                "the store is at sequence %d with %d listings" % (
                    self.rounds, self.requests, self.acknowledged,
                    self.unanswered, self.sequence, self.listings))


def _run_and_kill(rbld, writers, rng):
    threads = [threading.Thread(target=w.run_until_killed) for w in writers]
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(MIN_RUN_SECONDS, MAX_RUN_SECONDS))
    if not rbld.program.running():
        raise verify.Broken("rbld ended by itself:\n" + rbld.program.log())
    rbld.kill()
    for thread in threads:
        thread.join()
    problems = [w.problem for w in writers if w.problem]
    if problems:
        raise verify.Broken("; ".join(problems))


def run(rounds, seed, sync=True, binary=None, say=print):
    """Raises verify.Broken in the first round after which a promise is broken.

    `binary` is a daemon on a file system that drops what was not synced.
    """
    rng = random.Random(seed)
    summary = Summary()
    with daemon.Scratch() as scratch:
        rbld = daemon.Rbld(scratch, binary=binary or daemon.test_rbld_path(),
                           ipv6=False)
        rbld.extra_flags = ["--forget_unsynced"]
        if not sync:
            rbld.extra_flags.append("--nosync")
        rbld.start()
        writers = writers_module.all_writers(rbld, seed)
        client = control.Control(rbld.socket_path)
        floor = client.request("GET", "/v1/status")["store"]["sequence"]
        client.close()
        for one in range(rounds):
            _run_and_kill(rbld, writers, rng)
            acknowledged = sum(len(w.sequences) for w in writers)
            unanswered = sum(1 for w in writers if w.pending is not None)
            rbld.start()
            floor, listings, asked = verify.check_all(rbld, writers, floor)
            summary.rounds += 1
            summary.acknowledged += acknowledged
            summary.unanswered += unanswered
            summary.requests = sum(w.requests for w in writers)
            summary.listings = listings
            summary.sequence = floor
            say("round %3d: %4d acknowledged, %d without an answer; sequence "
                "%d, %d listings, %d names asked: all right" % (
                    one + 1, acknowledged, unanswered, floor, listings, asked))
        rbld.stop()
    return summary
