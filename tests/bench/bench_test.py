"""The benchmarks' own tools: figures from wrong tools would mislead."""

import json
import signal
import smtplib
import socket
import subprocess
import threading
import time
import unittest

from tests.bench import bench
from tests.bench import load
from tests.bench import markdown
from tests.bench import sink
from tests.harness import daemon
from tests.harness import dns_client
from tests.harness import process_stats
from tests.harness import runner


class GeneratorTest(unittest.TestCase):

    def setUp(self):
        self.scratch = daemon.Scratch()
        self.scratch.__enter__()
        self.addCleanup(self.scratch.__exit__)

    def _addresses(self, *args):
        path = bench.gen(*args, out=self.scratch.join("out"))
        with open(path) as lines:
            return lines.read().split()

    def test_feed_is_distinct_and_unsorted_and_the_same_for_one_seed(self):
        feed = self._addresses("feed", 20000, 1, 0)
        self.assertEqual(len(set(feed)), 20000)
        self.assertNotEqual(feed, sorted(feed))
        self.assertEqual(feed, self._addresses("feed", 20000, 1, 0))
        self.assertNotEqual(feed, self._addresses("feed", 20000, 2, 0))

    def test_feed_goes_on_where_first_says(self):
        whole = self._addresses("feed", 300, 1, 0)
        self.assertEqual(whole[100:], self._addresses("feed", 200, 1, 100))

    def test_feed_keeps_out_of_special_purpose_space(self):
        for address in self._addresses("feed", 20000, 3, 0):
            first = int(address.split(".")[0])
            self.assertNotIn(first, (0, 10, 100, 127, 169, 172, 192, 198, 203))
            self.assertLess(first, 224)

    def test_queries_are_distinct_with_the_promised_shares(self):
        feed = set(self._addresses("feed", 5000, 1, 0))
        words = self._addresses("queries", 10000, 1, 5000, "z.test")
        names, types = words[0::2], words[1::2]
        self.assertEqual(len(set(names)), 10000)
        listed = sum(
            1 for n in names
            if ".".join(reversed(n[:-len(".z.test")].split("."))) in feed)
        self.assertEqual(listed, 3000)
        self.assertEqual(types.count("TXT"), 1000)
        self.assertEqual(types.count("A"), 9000)

    def test_refuses_more_listed_queries_than_there_are_listings(self):
        done = subprocess.run([daemon.runfile("tests/bench/gen"), "queries",
                               "1000", "1", "299", "z.test"],
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 2)


class EchoTest(unittest.TestCase):

    def test_gives_the_query_back_with_the_qr_bit(self):
        with daemon.Scratch() as scratch:
            program, port = bench.start_echo(scratch)
            with program:
                response = dns_client.ask(("127.0.0.1", port), "a.b.test")
                self.assertTrue(response.flags & 0x8000)
                self.assertEqual(response.question[0], "a.b.test")

    def test_cpu_time_of_a_process_is_counted(self):
        with daemon.Scratch() as scratch:
            program, port = bench.start_echo(scratch)
            with program:
                before = process_stats.task_seconds(program.pid)
                asker = dns_client.ManyAsker(("127.0.0.1", port))
                self.addCleanup(asker.close)
                list(asker.ask_all(["n%d.test" % i for i in range(2000)]))
                spent = process_stats.task_seconds(program.pid) - before
                self.assertGreater(spent, 0.001)
                self.assertLess(spent, 5)


class Answerer:
    """A server that answers each message by what `answers` makes of it."""

    def __init__(self, answers):
        self._answers = answers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.seen = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            message, peer = self._socket.recvfrom(4096)
            if not message:
                return
            self.seen.append((message, peer))
            for answer in self._answers(message):
                self._socket.sendto(answer, peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


def answer(query, rcode=0, answers=0):
    return (query[:2] + bytes([0x84, rcode]) + query[4:6] +
            answers.to_bytes(2, "big") + query[8:])


class LoadTest(unittest.TestCase):
    """dnsload counts what happens to its queries; no speed is asserted."""

    def setUp(self):
        self.scratch = self.enterContext(daemon.Scratch())

    def _queries(self, count):
        return self.scratch.write("queries", "".join(
            "n%d.load.test %s\n" % (i, "TXT" if i % 10 == 0 else "A")
            for i in range(count)))

    def _answerer(self, answers):
        server = Answerer(answers)
        self.addCleanup(server.close)
        return server

    def _run(self, port, queries, **kwargs):
        kwargs = {"seconds": 1, "cpu": None, "nap_us": 200, **kwargs}
        return load.run(port, queries, **kwargs)

    def _sums_up(self, run):
        self.assertEqual(run.sent, run.completed + run.lost)
        self.assertEqual(run.completed, sum(run.rcodes.values()))
        self.assertEqual(run.strays, 0)
        self.assertLessEqual(run.latency["p50"], run.latency["p99"])
        self.assertLessEqual(run.latency["p99"], run.latency["p99_9"])
        self.assertLessEqual(run.latency["p99_9"], run.latency["max"])

    def test_asks_the_echo_by_a_schedule_and_as_fast_as_it_answers(self):
        program, port = bench.start_echo(self.scratch)
        queries = self._queries(1000)
        with program:
            run = self._run(port, queries, rate=2000, pid=program.pid)
            self._sums_up(run)
            self.assertEqual(run.sent, 2000)
            self.assertEqual(set(run.rcodes), {"NOERROR"})
            self.assertEqual(run.noerror_with_answers, 0)
            self.assertGreater(run.total_seconds, 0)
            self.assertGreater(run.client_microseconds, 0)
            run = self._run(port, queries, outstanding=64, ports=3)
            self._sums_up(run)
            self.assertGreater(run.completed, 0)
            self.assertEqual(set(run.rcodes), {"NOERROR"})

    def test_sends_the_file_in_its_order_from_every_port(self):
        server = self._answerer(lambda query: [answer(query)])
        queries = self._queries(70)
        self._run(server.port, queries, rate=100, ports=4)
        asked = []
        for message, _ in server.seen:
            size = message[12]
            asked.append((message[13:13 + size].decode(),
                          message[-4:-2] == b"\0\x10"))
        self.assertEqual(asked, [("n%d" % (i % 70), i % 70 % 10 == 0)
                                 for i in range(100)])
        self.assertEqual(len({peer for _, peer in server.seen}), 4)

    def test_counts_rcodes_and_answers(self):
        def answers(query):
            listed = query[-3] == 16  # TXT
            return [answer(query, 0 if listed else 3, 1 if listed else 0)]
        server = self._answerer(answers)
        run = self._run(server.port, self._queries(200), rate=200)
        self.assertEqual(run.lost, 0)
        self.assertEqual(run.rcodes, {"NOERROR": 20, "NXDOMAIN": 180})
        self.assertEqual(run.noerror_with_answers, 20)
        self.assertAlmostEqual(run.share("NXDOMAIN"), 0.9)

    def test_counts_losses_duplicates_and_strays(self):
        def answers(query):
            number = int(query[14:13 + query[12]])
            right = answer(query)
            wrong_name = right.replace(b"\4load", b"\4lode")
            return ([], [right, right], [wrong_name], [query],
                    [right[:9], right])[number % 5]
        server = self._answerer(answers)
        run = self._run(server.port, self._queries(200), rate=200,
                        timeout_ms=1500)
        # Of five: none; two; one of another name; one without QR; a short one
        # before the right one.
        self.assertEqual(run.sent, 200)
        self.assertEqual(run.duplicates, 40)
        self.assertEqual(run.strays, 120)
        self.assertEqual(run.lost, 120)
        self.assertEqual(run.completed, 80)

    def test_an_answer_after_the_timeout_is_late_and_lost(self):
        first = []

        def answers(query):
            if not first:
                first.append(answer(query))
                time.sleep(0.8)
                return first
            return [answer(query)]
        server = self._answerer(answers)
        run = self._run(server.port, self._queries(10), rate=1, seconds=2,
                        timeout_ms=600)
        self._sums_up(run)
        self.assertEqual((run.sent, run.late), (2, 1))
        self.assertGreaterEqual(run.lost, 1)

    def test_a_pause_of_the_server_is_in_every_latency_of_it(self):
        slept = []

        def answers(query):
            if not slept:
                slept.append(True)
                time.sleep(0.5)
            return [answer(query)]
        server = self._answerer(answers)
        run = self._run(server.port, self._queries(200), rate=200)
        # Half of all came due while it slept, and waited 250 ms on average.
        self._sums_up(run)
        self.assertGreater(run.latency["mean"], 100_000)
        self.assertGreater(run.latency["max"], 490_000)

    def test_a_signal_ends_it_with_a_report(self):
        server = self._answerer(lambda query: [answer(query)])
        program = subprocess.Popen(
            [daemon.runfile("tests/bench/dnsload"), "--port=%d" % server.port,
             "--queries=" + self._queries(10), "--rate=100", "--seconds=600",
             "--nap_us=1000"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(program.kill)
        daemon.wait_until("a query", lambda: server.seen)
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=60)
        self.assertEqual(program.returncode, 0)
        said = json.loads(out)
        self.assertTrue(said["interrupted"])
        self.assertGreater(said["answered"], 0)
        self.assertLess(said["seconds"], 600)

    def test_says_what_is_wrong(self):
        good = self._queries(10)
        bad = self.scratch.write("bad", "a.test A\nb.test\n")
        nobody = daemon.free_port()
        for argv, code, text in (
                (["--port=53"], 2, "--queries: which file?"),
                (["--queries=" + good], 2, "--port: 0 is not from 1"),
                (["--port=53", "--queries=" + good, "--batch=0"], 2,
                 "--batch: 0 is not from 1 to 256"),
                (["--port=53", "--queries=" + good, "--server=x"], 2,
                 "'x' is not an address"),
                (["--port=53", "--queries=" + bad], 1, "bad: line 2:"),
                (["--port=53", "--queries=/nowhere"], 1, "/nowhere: No such"),
                (["--port=%d" % nobody, "--queries=" + good, "--seconds=1",
                  "--timeout_ms=100", "--nap_us=1000"], 1, "nobody listens")):
            done = subprocess.run(
                [daemon.runfile("tests/bench/dnsload")] + argv,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                encoding="utf-8")
            self.assertEqual(done.returncode, code, argv)
            self.assertIn(text, done.stderr)


class SinkTest(unittest.TestCase):

    def _start(self, **kwargs):
        scratch = self.enterContext(daemon.Scratch())
        self.port = daemon.free_port()
        server = sink.Sink(scratch, self.port, **kwargs)
        self.enterContext(server.program)
        return server

    def _session(self, forms):
        client = smtplib.SMTP("127.0.0.1", self.port, "tester.test")
        client.ehlo()
        codes = set()
        for _ in range(forms):
            self.assertEqual(client.mail("s@t.test")[0], 250)
            codes.add(client.rcpt("t@t.test")[0])
            self.assertEqual(client.rset()[0], 250)
        self.assertEqual(client.quit()[0], 221)
        return codes

    def test_refuses_every_recipient_and_counts_whole_sessions(self):
        server = self._start()
        before = server.counts()
        self.assertEqual(self._session(forms=8), {550})
        self.assertEqual(self._session(forms=7), {550})
        counts = server.counts()
        self.assertEqual(counts["accepted"] - before["accepted"], 2)
        self.assertEqual(counts["refused"], 15)
        self.assertEqual(counts["whole"], 1)
        self.assertEqual(counts["open"], 0)

    def test_a_slow_one_keeps_sessions_open_and_greets_at_once(self):
        server = self._start(delay_milliseconds=100)
        clients = [smtplib.SMTP("127.0.0.1", self.port) for _ in range(20)]
        self.assertEqual(server.counts()["open"], 20)
        for client in clients:
            client.quit()
        daemon.wait_until("the end", lambda: server.counts()["open"] == 0)
        self.assertEqual(server.counts()["most_open"], 20)
        self.assertEqual(server.counts()["whole"], 0)


class FiguresTest(unittest.TestCase):

    TEXT = """
Statistics:

  Queries sent:         1000
  Queries completed:    1000 (100.00%)
  Queries lost:         0 (0.00%)

  Response codes:       NOERROR 300 (30.00%), NXDOMAIN 700 (70.00%)
  Average packet size:  request 47, response 90
  Run time (s):         1.000000
  Queries per second:   1000.000000

  Average Latency (s):  0.000500 (min 0.000010, max 0.010000)
"""

    def test_reads_what_dnsperf_prints(self):
        server = bench.ServerTime()
        server.take(0.01, 0.03, 0.004)
        run = bench.DnsperfRun(self.TEXT, server)
        self.assertEqual(run.rcodes, {"NOERROR": 300, "NXDOMAIN": 700})
        self.assertAlmostEqual(run.total_microseconds, 4.0)
        self.assertAlmostEqual(run.user_microseconds, 1.0)
        bench.check_answers("x", run)

    def test_wrong_shares_and_loss_are_errors(self):
        none = bench.ServerTime()
        wrong = self.TEXT.replace("NOERROR 300 (30.00%)", "NOERROR 500 (50.00%)")
        with self.assertRaises(RuntimeError):
            bench.check_answers("x", bench.DnsperfRun(wrong, none))
        lossy = self.TEXT.replace("Queries lost:         0",
                                  "Queries lost:         1")
        with self.assertRaises(RuntimeError):
            bench.check_answers("x", bench.DnsperfRun(lossy, none))
        bench.check_answers("x", bench.DnsperfRun(lossy, none), max_loss=0.01)

    def test_percentile_is_the_smallest_that_covers_the_part(self):
        self.assertEqual(bench.percentile(range(1000), 0.99), 990)
        self.assertEqual(bench.percentile([5], 0.99), 5)

    def test_tables_have_aligned_columns(self):
        self.assertEqual(markdown.table(["a", "bb"], [["ccc", 1]]),
                         "| a   | bb |\n|-----|----|\n| ccc | 1  |")


if __name__ == "__main__":
    runner.main()
