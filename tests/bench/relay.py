"""rbl-relayd: sessions open at once, sessions a second, and what a target
costs that is scheduled for later.

  bazel run --config=opt //tests/bench:relay -- [--rounds N] [--write]

rbl-relayd has one core; rbld and the sink, a mail server that refuses every
RCPT, share the other. The sink is a host of its own that has all of
10.0.0.0/8, for in each /24 only one session is made at a time. The cases are
reported straight into the store before rbld starts.
"""

import argparse
import os
import time

from tests.bench import bench
from tests.bench import markdown
from tests.bench import sink
from tests.harness import control
from tests.harness import daemon
from tests.harness import namespace
from tests.harness import process_stats

LIMIT_OPEN = 5000
LIMIT_OPEN_BYTES = 200 * 10**6
LIMIT_PER_SECOND = 1000

TESTER = "198.18.0.2"
SINK = "198.18.0.3"
PREFIX_LENGTH = 15
TARGETS = "10.0.0.0/8"
FIRST_TARGET = "10.0.0.1"
# Of another part of it.
FIRST_DUE_TARGET = "10.128.0.1"
A_NETWORK = 256  # addresses
PORT = 25

RELAYD_CPU = bench.SERVER_CPU
OTHERS_CPU = bench.CLIENT_CPU

# In the slow run each reply takes so long; a session has 26.
SLOW_REPLY_MILLISECONDS = 3000
OPEN_SECONDS = 10
WARM_UP_SECONDS = 5
SETTLE_SECONDS = 2
HOUR = 3600
DAY = 24 * HOUR
IDLE_LEASES = 1000
FULL_LEASES = 20
FULL_LEASE = 100

CONFIG = """
[relay]
list = "relays"
domain = "t.bench.test"
lab_networks = ["%s", "198.18.0.0/15"]
never = ["%s"]
max_sessions = %%d
""" % (TARGETS, TESTER)


def fill(store, first, step, count, begin, seconds=0):
    """Reports `count` addresses; their sessions come due from `begin` on."""
    bench.run(["tests/bench/relay_cases", store, first, step, count,
               int(begin), seconds])


class Site:
    """rbld on a store, and what of the rest is started."""

    def __init__(self, scratch, max_sessions=LIMIT_OPEN):
        self._scratch = scratch
        self._relayd_socket = scratch.join("relayd.sock")
        self.rbld = daemon.Rbld(
            scratch, cpu=OTHERS_CPU, ipv6=False,
            control_keys='relayd_socket = "%s"' % self._relayd_socket,
            more=CONFIG % max_sessions)
        self.relayd = None

    def __enter__(self):
        self.rbld.start()
        self._operator = control.Control(self.rbld.socket_path)
        self.tester = control.Control(self._relayd_socket)
        return self

    def __exit__(self, *unused):
        if self.relayd is not None and self.relayd.running():
            self.relayd.kill()
        self._operator.close()
        self.tester.close()
        self.rbld.stop()

    def start_relayd(self, max_sessions):
        self.relayd = daemon.Program(
            [daemon.runfile("relay/rbl-relayd"),
             "--control", self._relayd_socket,
             "--listen", "%s:%d" % (TESTER, PORT), "--source", TESTER,
             "--name", "tester.bench.test", "--noreverse_names",
             "--max_sessions", str(max_sessions)],
            self._scratch.join("relayd.log"), cpu=RELAYD_CPU)
        daemon.wait_until("rbl-relayd",
                          lambda: "makes up to" in self.relayd.log(),
                          self.relayd)

    def finished(self):
        return self._operator.request(
            "GET", "/v1/stats")["relay"]["sessions_finished"]

    def rbld_memory(self):
        return process_stats.memory_bytes(self.rbld.program.pid)

    def relayd_memory(self):
        return process_stats.memory_bytes(self.relayd.pid)

    def disk_bytes(self):
        return sum(entry.stat().st_blocks * 512
                   for entry in os.scandir(self.rbld.store_path))


def mib(count):
    return "%.1f MiB" % (count / 2**20)


def say(text):
    print(text, flush=True)


# ---- sessions open at once ----


def open_at_once(host, sessions):
    """A dict of figures."""
    with daemon.Scratch() as scratch:
        with Site(scratch) as idle:
            idle.start_relayd(sessions)
            time.sleep(SETTLE_SECONDS)
            resting = idle.relayd_memory()["VmRSS"]
        fill(idle.rbld.store_path, FIRST_TARGET, A_NETWORK, sessions,
             time.time() - 60)
        with Site(scratch) as site:
            server = sink.Sink(scratch, PORT, SLOW_REPLY_MILLISECONDS,
                               host=host, cpu=OTHERS_CPU)
            with server.program:
                started = time.monotonic()
                site.start_relayd(sessions)
                daemon.wait_until(
                    "%d open sessions" % sessions,
                    lambda: server.counts()["open"] >= sessions, site.relayd)
                reached = time.monotonic() - started
                time.sleep(OPEN_SECONDS)
                open_for_long = server.counts()["open"]
                while_open = site.relayd_memory()["VmRSS"]
                daemon.wait_until(
                    "the end of all sessions",
                    lambda: site.finished() >= sessions, site.relayd,
                    timeout_seconds=300, pause_seconds=0.5)
                counts = server.counts()
                peak = site.relayd_memory()["VmHWM"]
    return {"open": counts["most_open"], "reached": reached,
            "open_for_long": open_for_long, "whole": counts["whole"],
            "resting": resting, "while_open": while_open, "peak": peak}


def describe_open(one):
    return (
        "Each reply of the sink takes %d s, so that a session lasts a minute "
        "and a quarter. The sink had %s sessions open at once, %.1f s after "
        "the start, and %s of them %d s later; %s ended as whole ones.\n\n%s"
        % (SLOW_REPLY_MILLISECONDS / 1000, format(one["open"], ","),
           one["reached"], format(one["open_for_long"], ","), OPEN_SECONDS,
           format(one["whole"], ","),
           markdown.table(
               ["rbl-relayd", "resident", "KiB a session"],
               [["with nothing to do", mib(one["resting"]), ""]]
               + [[what, mib(one[key]), "%.1f" % (
                   (one[key] - one["resting"]) / one["open"] / 1024)]
                  for what, key in (("with all open", "while_open"),
                                    ("at its peak", "peak"))])))


# ---- sessions a second ----


class Moment:
    """All counters at one time."""

    def __init__(self, site, server):
        self.time = time.monotonic()
        self.counted = {"sink": server.counts()["whole"],
                        "rbld": site.finished()}
        pids = {"rbl-relayd": site.relayd.pid,
                "rbld": site.rbld.program.pid, "sink": server.program.pid}
        self.cpu = {name: process_stats.task_seconds(pid)
                    for name, pid in pids.items()}
        self.wait = process_stats.wait_seconds(site.relayd.pid)


def a_second(host, rounds, seconds, cases, max_sessions):
    """One dict of figures for each round."""
    figures = []
    with daemon.Scratch() as scratch:
        site = Site(scratch)
        fill(site.rbld.store_path, FIRST_TARGET, A_NETWORK, cases,
             time.time() - HOUR, HOUR)
        server = sink.Sink(scratch, PORT, host=host, cpu=OTHERS_CPU)
        with server.program, site:
            site.start_relayd(max_sessions)
            time.sleep(WARM_UP_SECONDS)
            before = Moment(site, server)
            for _ in range(rounds):
                time.sleep(seconds)
                after = Moment(site, server)
                took = after.time - before.time
                one = {name: (after.counted[name] - before.counted[name])
                       / took for name in after.counted}
                one["least"] = min(one.values())
                one["cpu"] = {name: (after.cpu[name] - before.cpu[name]) / took
                              for name in after.cpu}
                one["wait"] = (after.wait - before.wait) / took
                say("%.0f sessions/s at the sink, %.0f at rbld" % (
                    one["sink"], one["rbld"]))
                figures.append(one)
                before = after
            if max(before.counted.values()) > cases - max_sessions:
                raise RuntimeError("too few cases for so many rounds: the "
                                   "last one was not measured at full speed")
    return figures


def describe_a_second(figures, seconds, max_sessions):
    return (
        "%d rounds of %d s in one run, up to %s sessions at once. CPU is of "
        "one core; rbld and the sink share theirs. *Waited* is how long "
        "rbl-relayd's threads, together, could have run while others had the "
        "core.\n\n%s" % (
            len(figures), seconds, format(max_sessions, ","),
            markdown.table(
                ["round", "whole sessions at the sink", "ends at rbld",
                 "CPU of rbl-relayd", "waited", "CPU of rbld", "of the sink",
                 "rbl-relayd a session"],
                [[i + 1, "%d/s" % one["sink"], "%d/s" % one["rbld"]]
                 + ["%.0f %%" % (part * 100) for part in (
                     one["cpu"]["rbl-relayd"], one["wait"],
                     one["cpu"]["rbld"], one["cpu"]["sink"])]
                 + ["%.2f ms" % (one["cpu"]["rbl-relayd"] / one["sink"] * 1e3)]
                 for i, one in enumerate(figures)])))


# ---- what is scheduled ----


def timed_leases(site, limit, count):
    """(seconds of each request, sessions that came)."""
    took, came = [], 0
    for _ in range(count):
        started = time.perf_counter()
        reply = site.tester.request("POST", "/v1/relay/leases",
                                    {"limit": limit})
        took.append(time.perf_counter() - started)
        came += len(reply["sessions"])
    return took, came


def scheduled(count):
    """A dict of figures of `count` cases that come due from tomorrow on."""
    with daemon.Scratch() as scratch:
        site = Site(scratch)
        started = time.monotonic()
        # 32 in a /24.
        fill(site.rbld.store_path, FIRST_TARGET, 8, count, time.time() + DAY,
             14 * DAY)
        say("%s cases made in %.0f s" % (format(count, ","),
                                         time.monotonic() - started))
        with site:
            idle, came = timed_leases(site, 500, IDLE_LEASES)
            if came:
                raise RuntimeError("%d sessions came before their time" % came)
            time.sleep(SETTLE_SECONDS)
            memory = site.rbld_memory()
            disk = site.disk_bytes()
        fill(site.rbld.store_path, FIRST_DUE_TARGET, A_NETWORK,
             FULL_LEASES * FULL_LEASE, time.time() - 60)
        with site:
            full, came = timed_leases(site, FULL_LEASE, FULL_LEASES)
            if came != FULL_LEASES * FULL_LEASE:
                raise RuntimeError("%d sessions came, not %d" % (
                    came, FULL_LEASES * FULL_LEASE))
    return {"count": count, "resident": memory["VmRSS"], "peak":
            memory["VmHWM"], "disk": disk, "idle": idle, "full": full}


def describe_scheduled(small, big):
    more = big["count"] - small["count"]
    rows = [[format(one["count"], ","), mib(one["resident"]),
             mib(one["disk"]), "%.2f ms" % (bench.median(one["idle"]) * 1e3),
             "%.2f ms" % (bench.percentile(one["idle"], 0.99) * 1e3),
             "%.1f ms" % (bench.median(one["full"]) * 1e3)]
            for one in (small, big)]
    return (
        "Cases that come due in one to fifteen days; a lease request when "
        "nothing is due (%s of them), and one that leases %d sessions (%d of "
        "them, each one durable batch). A case more takes %.0f bytes on disk "
        "and %.1f in rbld's resident memory.\n\n%s" % (
            format(IDLE_LEASES, ","), FULL_LEASE, FULL_LEASES,
            (big["disk"] - small["disk"]) / more,
            (big["resident"] - small["resident"]) / more,
            markdown.table(
                ["scheduled", "rbld resident", "store on disk",
                 "lease of nothing", "99 %", "lease of %d" % FULL_LEASE],
                rows)))


def verdict(what, value, limit, is_met):
    say("%s: %s (limit %s): %s" % (what, value, limit,
                                   "met" if is_met else "MISSED"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=LIMIT_OPEN)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--cases", type=int, default=65_000,
                        help="that are due in the second part; at most 65536")
    parser.add_argument("--at_once", type=int, default=1000,
                        help="sessions in the second part")
    parser.add_argument("--scheduled", type=int, default=1_000_000,
                        help="cases in the third part; at most 1048576")
    parser.add_argument("--parts", default="open,second,scheduled")
    parser.add_argument("--write", action="store_true",
                        help="refresh the tables in docs/BENCHMARKS.md")
    args = parser.parse_args()
    if namespace.why_not():
        raise SystemExit("no namespaces: " + namespace.why_not())
    if RELAYD_CPU == OTHERS_CPU:
        raise SystemExit("the benchmark needs two CPUs: one for rbl-relayd, "
                         "one for rbld and the sink")
    switch = namespace.Switch(TESTER, PREFIX_LENGTH)
    host = namespace.Host(switch, SINK, more=TARGETS)
    parts = args.parts.split(",")
    texts = []
    if "open" in parts:
        one = open_at_once(host, args.sessions)
        texts.append(("relay_open", describe_open(one)))
        verdict("sessions open at once", one["open"], LIMIT_OPEN,
                one["open"] >= LIMIT_OPEN)
        verdict("resident MB at the peak", "%.1f" % (one["peak"] / 1e6),
                LIMIT_OPEN_BYTES // 10**6, one["peak"] <= LIMIT_OPEN_BYTES)
    if "second" in parts:
        figures = a_second(host, args.rounds, args.seconds, args.cases,
                           args.at_once)
        texts.append(("relay_second", describe_a_second(
            figures, args.seconds, args.at_once)))
        least = bench.median([one["least"] for one in figures])
        verdict("whole sessions a second, median of the rounds",
                "%.0f" % least, LIMIT_PER_SECOND, least >= LIMIT_PER_SECOND)
    if "scheduled" in parts:
        small, big = scheduled(1000), scheduled(args.scheduled)
        texts.append(("relay_scheduled", describe_scheduled(small, big)))
        more = big["resident"] - small["resident"]
        on_disk = big["disk"] - small["disk"]
        verdict("more memory for the scheduled", mib(more), mib(on_disk),
                more <= on_disk)
        ratio = bench.median(big["idle"]) / bench.median(small["idle"])
        verdict("lease of nothing, big ÷ small", "%.2f" % ratio, "1.5",
                ratio <= 1.5)
    for name, text in texts:
        text = "%s\n\n%s.\n" % (text, markdown.machine())
        say("\n" + text)
        if args.write:
            markdown.write_section(name, text)


if __name__ == "__main__":
    namespace.enter()
    main()
