"""dnsload, our own load generator, as dnsperf is run by bench.py."""

import json
import subprocess

from tests.bench import bench
from tests.harness import daemon

# Beyond the run itself: reading the queries, and waiting for the last answers.
MORE_SECONDS = 120
# Without a rate the server is the slower side. Sleeping for so long while it
# works costs it nothing, and makes the next batches bigger.
CLOSED_NAP_MICROSECONDS = 20


class LoadRun:
    """One run: what dnsload counted, and the server's CPU time in it.

    Has what bench.DnsperfRun has, and more. Latencies and delays are
    {"mean", "p50", "p90", "p99", "p99_9", "max"} in µs; `said` is all that
    dnsload said.
    """

    def __init__(self, out, text, server):
        said = self.said = json.loads(out)
        self.text = text
        self.seconds = said["seconds"]
        self.sent = said["sent"]
        self.completed = said["answered"]
        self.lost = said["lost"]
        self.late = said["late"]
        self.duplicates = said["duplicates"]
        self.strays = said["strays"]
        self.client_drops = said["client_drops"]
        self.per_second = said["answered_per_second"]
        self.rcodes = said["rcodes"]
        self.noerror_with_answers = said["noerror_with_answers"]
        self.latency = said["latency_us"]
        self.send_delay = said["send_delay_us"]
        self.client_user_microseconds = said["cpu_us_per_query"]["user"]
        self.client_system_microseconds = said["cpu_us_per_query"]["system"]
        self.interrupted = said["interrupted"]
        self.user_seconds = server.user_seconds
        self.total_seconds = server.total_seconds
        self.wait_seconds = server.wait_seconds

    @property
    def loss(self):
        return self.lost / max(1, self.sent)

    @property
    def user_microseconds(self):
        return self.user_seconds / max(1, self.completed) * 1e6

    @property
    def total_microseconds(self):
        return self.total_seconds / max(1, self.completed) * 1e6

    @property
    def client_microseconds(self):
        return self.client_user_microseconds + self.client_system_microseconds

    def share(self, rcode):
        return self.rcodes.get(rcode, 0) / max(1, self.completed)


def run(port, query_file, seconds, rate=0, pid=None, cpu=bench.CLIENT_CPU,
        nap_us=None, **flags):
    """Runs dnsload on its own CPU against 127.0.0.1:port.

    `rate` 0: as many as are answered. With `pid` the CPU time of that process
    tree is taken around the run. `flags` are dnsload's, such as
    outstanding=64; dnsload --help tells them all.
    """
    if nap_us is None:
        nap_us = 0 if rate else CLOSED_NAP_MICROSECONDS
    argv = [daemon.runfile("tests/bench/dnsload"), "--port=%d" % port,
            "--queries=%s" % query_file, "--seconds=%d" % seconds,
            "--rate=%d" % rate, "--nap_us=%d" % nap_us]
    argv += ["--%s=%s" % (name, str(value).lower())
             for name, value in flags.items()]
    if cpu is not None:
        argv = ["taskset", "-c", str(cpu)] + argv
    with bench.ServerTime(pid) as server:
        done = subprocess.run(argv, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8",
                              timeout=seconds + MORE_SECONDS)
    if done.returncode != 0:
        raise RuntimeError("dnsload: exit %d\n%s%s" % (
            done.returncode, done.stdout, done.stderr))
    return LoadRun(done.stdout, done.stderr, server)
