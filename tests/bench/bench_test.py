"""The benchmarks' own tools: figures from wrong tools would mislead."""

import smtplib
import subprocess
import unittest

from tests.bench import bench
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
        run = bench.DnsperfRun(self.TEXT, 0.01, 0.03, 0.004)
        self.assertEqual(run.rcodes, {"NOERROR": 300, "NXDOMAIN": 700})
        self.assertAlmostEqual(run.total_microseconds, 4.0)
        self.assertAlmostEqual(run.user_microseconds, 1.0)
        bench.check_answers("x", run)

    def test_wrong_shares_and_loss_are_errors(self):
        wrong = self.TEXT.replace("NOERROR 300 (30.00%)", "NOERROR 500 (50.00%)")
        with self.assertRaises(RuntimeError):
            bench.check_answers("x", bench.DnsperfRun(wrong, 1, 1, 1))
        lossy = self.TEXT.replace("Queries lost:         0",
                                  "Queries lost:         1")
        with self.assertRaises(RuntimeError):
            bench.check_answers("x", bench.DnsperfRun(lossy, 1, 1, 1))

    def test_percentile_is_the_smallest_that_covers_the_part(self):
        self.assertEqual(bench.percentile(range(1000), 0.99), 990)
        self.assertEqual(bench.percentile([5], 0.99), 5)

    def test_tables_have_aligned_columns(self):
        self.assertEqual(markdown.table(["a", "bb"], [["ccc", 1]]),
                         "| a   | bb |\n|-----|----|\n| ccc | 1  |")


if __name__ == "__main__":
    runner.main()
