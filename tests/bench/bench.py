"""What the benchmarks share: dnsperf, generated feeds, pinning, medians."""

import contextlib
import os
import re
import statistics
import subprocess
import threading

from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import process_stats

ZONE = "relays.bench.test"
SEED = 20_240_601
# The server has one core and the load generator another.
SERVER_CPU = max(os.sched_getaffinity(0))
CLIENT_CPU = min(os.sched_getaffinity(0))
MAX_LOSS = 0.001
LISTED_SHARE = 0.30  # of what tests/bench/gen asks for

REASON = "Open relay, see https://relays.bench.test/$"


def check_machine():
    if SERVER_CPU == CLIENT_CPU:
        raise SystemExit("the benchmark needs two CPUs: one for the server, "
                         "one for dnsperf")
    if not daemon.find_program("dnsperf"):
        raise SystemExit("dnsperf is missing; scripts/packages.txt lists it")


def run(argv, **kwargs):
    """Runs a program of ours, which must succeed."""
    subprocess.run([daemon.runfile(argv[0])] + [str(a) for a in argv[1:]],
                   check=True, **kwargs)


def gen(*args, out):
    """Runs the generator into the file `out`."""
    with open(out, "wb") as target:
        run(["tests/bench/gen", *args], stdout=target)
    return out


def feed(path, count, first=0, seed=SEED, is_sorted=False):
    return gen("sorted" if is_sorted else "feed", count, seed, first, out=path)


def queries(path, count, listed, zone=ZONE, seed=SEED):
    return gen("queries", count, seed, listed, zone, out=path)


class ServerTime:
    """The CPU time of a process tree in a `with` block; without a pid, none.

    `wait_seconds`: how long it could have run while others had the core.
    """

    def __init__(self, pid=None):
        self._pid = pid
        self.user_seconds = self.total_seconds = self.wait_seconds = 0.0

    def _now(self):
        if not self._pid:
            return (0.0, 0.0, 0.0, 0.0)
        return (*process_stats.cpu_seconds(self._pid),
                process_stats.task_seconds(self._pid),
                process_stats.wait_seconds(self._pid))

    def __enter__(self):
        self._before = self._now()
        return self

    def __exit__(self, *unused):
        self.take(*(after - before
                    for after, before in zip(self._now(), self._before)))

    def take(self, sampled_user, sampled_system, exact, waited=0.0):
        """The exact sum, split as the kernel's sampling says; seconds."""
        sampled = sampled_user + sampled_system
        self.total_seconds = exact
        self.wait_seconds = waited
        self.user_seconds = exact * (sampled_user / sampled if sampled else 0)


class DnsperfRun:
    """One run: what dnsperf counted, and the server's CPU time in it."""

    def __init__(self, text, server):
        def number(pattern):
            match = re.search(pattern, text)
            if not match:
                raise RuntimeError("dnsperf did not say %r:\n%s"
                                   % (pattern, text))
            return float(match.group(1))
        self.text = text
        self.sent = int(number(r"Queries sent:\s+(\d+)"))
        self.completed = int(number(r"Queries completed:\s+(\d+)"))
        self.lost = int(number(r"Queries lost:\s+(\d+)"))
        self.per_second = number(r"Queries per second:\s+([\d.]+)")
        self.average_latency_seconds = number(r"Average Latency \(s\):\s+([\d.]+)")
        self.rcodes = {name: int(count) for name, count in re.findall(
            r"(\w+) (\d+) \([\d.]+%\)",
            text[text.index("Response codes:"):].splitlines()[0])}
        self.total_seconds = server.total_seconds
        self.user_seconds = server.user_seconds

    @property
    def loss(self):
        return self.lost / max(1, self.sent)

    @property
    def user_microseconds(self):
        return self.user_seconds / self.completed * 1e6

    @property
    def total_microseconds(self):
        return self.total_seconds / self.completed * 1e6

    def share(self, rcode):
        return self.rcodes.get(rcode, 0) / max(1, self.completed)


def dnsperf(port, query_file, seconds, pid=None, per_second=None,
            outstanding=100, clients=8):
    """Runs dnsperf on its own CPU against 127.0.0.1:port.

    With `pid` the CPU time of that process tree is taken around the run.
    """
    argv = ["taskset", "-c", str(CLIENT_CPU), daemon.find_program("dnsperf"),
            "-s", "127.0.0.1", "-p", str(port), "-d", query_file,
            "-l", str(seconds), "-q", str(outstanding), "-c", str(clients),
            "-T", "1"]
    if per_second:
        argv += ["-Q", str(int(per_second))]
    with ServerTime(pid) as server:
        done = subprocess.run(argv, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8")
    if done.returncode != 0:
        raise RuntimeError("dnsperf: exit %d\n%s%s" % (
            done.returncode, done.stdout, done.stderr))
    return DnsperfRun(done.stdout, server)


class Load:
    """dnsperf in the background, restarted until stop()."""

    def __init__(self, port, query_file, per_second):
        self._args = (port, query_file, per_second)
        self._stopping = False
        self.runs = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        port, query_file, per_second = self._args
        while not self._stopping:
            self.runs.append(dnsperf(port, query_file, 5,
                                     per_second=per_second))

    def stop(self):
        self._stopping = True
        self._thread.join()


def check_answers(name, run, listed_share=LISTED_SHARE, tolerance=0.01,
                  max_loss=MAX_LOSS):
    """The figures count only if the answers were right and few got lost."""
    problems = []
    if run.loss >= max_loss:
        problems.append("lost %.3f %% of the queries (limit %.1f %%)"
                        % (run.loss * 100, max_loss * 100))
    if listed_share is not None:
        for rcode, want in (("NOERROR", listed_share),
                            ("NXDOMAIN", 1 - listed_share)):
            if abs(run.share(rcode) - want) > tolerance:
                problems.append("%.2f %% of the answers are %s, not %.0f %%"
                                % (run.share(rcode) * 100, rcode, want * 100))
    if problems:
        raise RuntimeError("%s: %s\n%s" % (name, "; ".join(problems), run.text))


def median(values):
    return statistics.median(values)


def percentile(values, part):
    """The smallest value that `part` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(len(ordered) * part)))]


def bench_rbld(scratch, cpu=None, workers=1):
    """An rbld for the zone that the query files ask."""
    return daemon.Rbld(
        scratch, zone=ZONE, kind="ipv4", workers=workers, cpu=cpu, ipv6=False,
        list_keys='code = "127.0.0.2"\nreason = "%s"' % REASON)


def import_feed(rbld, path, *more):
    result = rbld.ctl("import", "--list", "relays", "--source", "bench", path,
                      *more)
    if result.code != 0:
        raise RuntimeError("import of %s: %r" % (path, result))
    return result


def address_name(address, zone=ZONE):
    return dns_client.reversed_name(address, zone)


def start_rbldnsd(scratch, feed_path, port, cpu=None, kind="ip4set"):
    """Debian's rbldnsd with the same listings and the same texts."""
    zone_file = scratch.join("rbldnsd.zone")
    with open(zone_file, "w") as out:
        out.write("$SOA 300 ns.bench.test host.bench.test 1 3600 600 604800 60\n"
                  ":127.0.0.2:%s\n" % REASON)
        with open(feed_path) as lines:
            for line in lines:
                out.write(line)
    os.chmod(zone_file, 0o644)
    argv = [daemon.find_program("rbldnsd"), "-n", "-q", "-t", "300",
            "-b", "127.0.0.1/%d" % port, "-r", scratch.path,
            "%s:%s:rbldnsd.zone" % (ZONE, kind)]
    if os.geteuid() != 0:
        argv = [a for a in argv if a not in ("-r", scratch.path)]
        argv[-1] = "%s:%s:%s" % (ZONE, kind, zone_file)
    program = daemon.Program(argv, scratch.join("rbldnsd.log"), cpu=cpu,
                             cwd=scratch.path)
    daemon.wait_until(
        "rbldnsd",
        lambda: daemon.answers(("127.0.0.1", port), "2.0.0.127." + ZONE),
        program)
    return program


def start_echo(scratch, cpu=None):
    port = daemon.free_port()
    program = daemon.Program([daemon.runfile("tests/bench/echo"), str(port)],
                             scratch.join("echo.log"), cpu=cpu)
    daemon.wait_until(
        "echo", lambda: daemon.answers(("127.0.0.1", port), "x.test"), program)
    return program, port


@contextlib.contextmanager
def three_servers(listings, names, rbldnsd_kind="ip4set"):
    """An echo, rbld and rbldnsd with the same listings, on the server's CPU.

    Gives the file of queries, {name: (process, port, listed share)} and rbld.
    """
    with daemon.Scratch(mode=0o755) as scratch:
        feed_path = feed(scratch.join("feed"), listings)
        query_path = queries(scratch.join("queries"), names, listings)
        echo, echo_port = start_echo(scratch, cpu=SERVER_CPU)
        rbldnsd_port = daemon.free_port()
        with echo, \
                start_rbldnsd(scratch, feed_path, rbldnsd_port, SERVER_CPU,
                              rbldnsd_kind) as rbldnsd, \
                bench_rbld(scratch, SERVER_CPU) as rbld:
            import_feed(rbld, feed_path)
            yield query_path, {
                "echo": (echo.pid, echo_port, None),
                "rbld": (rbld.program.pid, rbld.port, LISTED_SHARE),
                "rbldnsd": (rbldnsd.pid, rbldnsd_port, LISTED_SHARE),
            }, rbld
