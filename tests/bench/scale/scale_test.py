"""The benchmark's arithmetic, tables and plot, and what gen makes for it."""

import json
import re
import unittest
from xml.etree import ElementTree

from tests.bench import bench
from tests.bench.scale import compaction
from tests.bench.scale import data
from tests.bench.scale import figures
from tests.bench.scale import found
from tests.bench.scale import plot
from tests.bench.scale import report
from tests.bench.scale import svg
from tests.bench.scale import workers
from tests.harness import daemon
from tests.harness import runner


class FiguresTest(unittest.TestCase):

    def test_ratios_are_of_one_round_each_and_not_of_medians(self):
        # The machine is slow in the second round; both sides are.
        self.assertEqual(figures.paired([2, 8, 3], [1, 4, 2]), [2, 2, 1.5])
        self.assertEqual(figures.median(
            figures.paired([2, 8, 3], [1, 4, 2])), 2)
        with self.assertRaises(ValueError):
            figures.paired([1], [1, 2])

    def test_median_of_nothing_is_no_figure(self):
        self.assertIsNone(figures.median([]))
        self.assertEqual(figures.median([None, 3, 1]), 2)

    def test_percentile_is_the_smallest_that_covers_the_part(self):
        self.assertEqual(figures.percentile(range(1, 101), 0.99), 99)
        self.assertEqual(figures.percentile([7], 0.99), 7)
        self.assertEqual(figures.percentile([1, 2], 1.0), 2)

    def test_each_round_begins_with_another(self):
        self.assertEqual([figures.rotated("abc", i)[0] for i in range(4)],
                         ["a", "b", "c", "a"])

    def test_a_limit_is_reached_or_missed_or_has_no_figure(self):
        self.assertTrue(figures.Limit("x", 0.30, 0.30).reached)
        self.assertFalse(figures.Limit("x", 0.31, 0.30).reached)
        self.assertFalse(figures.Limit("x", 1.8, 1.9, at_least=True).reached)
        self.assertIsNone(figures.Limit("x", None, 1).reached)
        self.assertEqual(str(figures.Limit("user µs", 0.25, 0.3)),
                         "user µs: 0.25; limit 0.30: reached")
        self.assertIn("missed", str(figures.Limit("user µs", 0.4, 0.3)))
        self.assertEqual(
            str(figures.Limit("x", None, 2, why_not="no room")),
            "x: no figure (no room); limit 2.00")

    def test_numbers_have_units_that_suit_them(self):
        self.assertEqual(figures.duration(0.0000123), "12.3 µs")
        self.assertEqual(figures.duration(0.0123), "12.3 ms")
        self.assertEqual(figures.duration(61.26), "61.3 s")
        self.assertEqual(figures.duration(1234.5), "1234 s")
        self.assertEqual(figures.duration(None), "–")
        self.assertEqual(figures.short_count(100_000_000), "100 M")
        self.assertEqual(figures.short_count(10_000), "10 k")
        self.assertEqual(figures.short_count(1234), "1,234")
        self.assertEqual(figures.size_text(1e9), "1 GB")
        self.assertEqual(figures.spread([3, 1, 2], str), "2 (1 to 3)")
        self.assertEqual(figures.spread([], str), "–")


class SvgTest(unittest.TestCase):

    def test_a_decade_has_the_same_length_everywhere(self):
        scale = svg.LogScale(10_000, 100_000_000, 0, 400)
        self.assertAlmostEqual(scale.at(10_000), 0)
        self.assertAlmostEqual(scale.at(1_000_000), 200)
        self.assertAlmostEqual(scale.at(100_000_000), 400)
        self.assertEqual(scale.ticks(), [1e4, 1e5, 1e6, 1e7, 1e8])

    def test_values_off_the_decades_are_inside(self):
        scale = svg.LogScale(0.003, 47, 300, 100)
        self.assertEqual((scale.ticks()[0], scale.ticks()[-1]), (0.001, 100))
        self.assertTrue(100 < scale.at(47) < scale.at(0.003) < 300)

    def test_one_value_alone_has_a_scale(self):
        scale = svg.LogScale(1000, 1000, 0, 10)
        self.assertEqual(scale.at(1000), 0)

    def test_a_linear_axis_begins_with_zero_and_covers_all(self):
        for high in (0.3, 1, 2.65, 9.9, 10, 47, 1234):
            scale = svg.LinearScale(high, 200, 0)
            self.assertEqual(scale.at(0), 200)
            self.assertGreaterEqual(scale.at(high), -1e-6)
            self.assertTrue(4 <= len(scale.ticks()) <= 12, high)
            self.assertGreaterEqual(scale.ticks()[-1], high - 1e-9)


def cost_runs(user, total):
    return [{"user": u, "total": t, "per_second": 400_000.0, "loss": 0.0,
             "waited": 0.01} for u, t in zip(user, total)]


def window(worker, changes=None):
    return {"worker": worker, "whole": worker * 1.2, "queries": 1000,
            "per_second": 200_000.0, "loss": 0.0, "changes": changes}


def some_results():
    times = {"mean": 900.0, "p50": 800.0, "p90": 900.0, "p99": 4000.0,
             "p99_9": 9000.0, "max": 9000.0}
    said = {"changes": 10_000, "stale": 0, "late_us": times,
            "ack_to_answer_us": times,
            "request_to_answer_us": dict(times, p99=6000.0)}
    memory = {"resident": 80_000_000, "anonymous": 50_000_000,
              "files": 30_000_000, "shared": 0}
    one = {
        "cpu": {"echo": cost_runs([0.1, 0.1, 0.1], [2.0, 4.0, 2.0]),
                "rbld": cost_runs([0.29, 0.28, 0.35], [2.1, 4.2, 2.4])},
        "memory": {"rbld": {"started": memory,
                            "asked": dict(memory, resident=101_000_000),
                            "index": {"listings": 10_000_000,
                                      "bytes": 25_000_000}}},
        "start": {"rbld": {"clean": [0.1, 0.3, 0.15], "killed": [2.0]},
                  "rbldnsd": {"clean": [9.0]}},
        "change": {"rbld": {
            "rate": 200_000,
            "half": {"without": [window(2.0)] * 2,
                     "with": [window(2.1, said)] * 2},
            "most": {"without": [window(2.0), window(4.0)],
                     "with": [window(2.2, said), window(4.8, said)]}},
                   "rbldnsd": [8.0, 9.0]},
        "missing": {"knot": "not installed"},
    }
    return {"meta": {"machine": "2 × x", "rounds": 3, "seconds": 8,
                     "change_seconds": 10, "packages": {"knot": "3"}},
            "sizes": {"10000000": one, "10000": one}}


class ReportTest(unittest.TestCase):

    def setUp(self):
        # As it is read again with --from.
        self.results = json.loads(json.dumps(some_results()))

    def _limits(self, part):
        text, limits = report.SECTIONS[part][1](self.results)
        return text, {one.what: one for one in limits}

    def test_cost_is_the_median_of_paired_ratios(self):
        text, limits = self._limits("cpu")
        one = limits["rbld's total ÷ the echo's, 10 M listings"]
        self.assertAlmostEqual(one.value, 1.05)
        self.assertTrue(one.reached)
        self.assertTrue(
            limits["rbld's user µs a query, 10 M listings"].reached)
        none = limits["rbld's user µs a query, 100 M listings"]
        self.assertIsNone(none.value)
        self.assertIn("1.050 to 1.200", text)
        self.assertIn("No figure of knot at 10 k, 10 M: not installed", text)

    def test_memory_counts_the_bigger_look(self):
        _, limits = self._limits("memory")
        self.assertFalse(limits["rbld resident, MB, 10 M listings"].reached)
        self.assertEqual(limits["index, bytes a listing, 10 M"].value, 2.5)

    def test_starts_are_medians(self):
        text, limits = self._limits("start")
        self.assertEqual(
            limits["start after a clean stop, s, 10 M listings"].value, 0.15)
        self.assertIn("150 ms (100 ms to 300 ms)", text)
        killed = "start after kill -9 and 100,000 changes, s, 10 M listings"
        self.assertFalse(limits[killed].reached)

    def test_changes_have_their_limits(self):
        _, limits = self._limits("change")
        here = ", 10 M listings, half load"
        self.assertTrue(limits[
            "acknowledgement to right answer, p99, ms" + here].reached)
        self.assertFalse(limits[
            "request to right answer, p99, ms" + here].reached)
        self.assertAlmostEqual(limits[
            "a query under changes ÷ one without" + here].value, 1.05)
        self.assertAlmostEqual(limits[
            "a query under changes ÷ one without, 10 M listings, full load"
        ].value, 1.15)

    def test_a_compaction_counts_by_its_worst_peak(self):
        self.results["sizes"]["100000000"] = {"compaction": {"rbld": [
            {"without": 400.0, "with": 380.0, "seconds": 9.0, "rest": 100,
             "peak": 110, "changes": 50000, "loss": 0.0},
            {"without": 400.0, "with": 340.0, "seconds": 8.0, "rest": 100,
             "peak": 140, "changes": 50000, "loss": 0.0},
            {"without": 200.0, "with": 188.0, "seconds": 7.0, "rest": 100,
             "peak": 105, "changes": 50000, "loss": 0.0}]}}
        text, limits = self._limits("compaction")
        rate = limits["rate while a base is written ÷ without, 100 M listings"]
        self.assertAlmostEqual(rate.value, 0.94)
        self.assertTrue(rate.reached)
        peak = limits["peak ÷ resting memory, 100 M listings"]
        self.assertFalse(peak.reached)
        self.assertIn("8 s (7 s to 9 s)", text)

    def test_changes_are_enough_by_their_number_or_their_bytes(self):
        self.assertEqual(compaction.enough(16 << 20, 1), 50_000)
        # 4 MiB and a sixteenth of 16 MiB of changes, and of their own bytes.
        self.assertAlmostEqual(compaction.enough(16 << 20, 500) * 500,
                               (5 << 20) * 16 / 15)

    def test_two_workers_count_by_cpu_seconds(self):
        runs = [{"per_cpu_second": 100.0}] * 3
        mine = [{"per_cpu_second": 96.0}, {"per_cpu_second": 90.0},
                {"per_cpu_second": 99.0}]
        self.assertAlmostEqual(report.two_against(
            {"one": {"most": runs}, "two": {"most": mine}}, "two", "one"),
            1.92)

    def test_every_section_has_its_place(self):
        names = [name for name, _ in report.SECTIONS.values()]
        self.assertEqual(len(set(names)), len(names))

    def test_the_plot_is_xml_with_four_panels_and_a_legend(self):
        root = ElementTree.fromstring(plot.growth(self.results))
        words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
        for _, title, _, _ in plot.PANELS:
            self.assertIn(title, words)
        for word in ("echo", "rbld", "rbldnsd", "10 k", "10 M", "listings"):
            self.assertIn(word, words)
        self.assertNotIn("knot", words)
        style = root.find("{http://www.w3.org/2000/svg}style").text
        self.assertIn("prefers-color-scheme: dark", style)
        told = " ".join(e.text for e in root.iter(
            "{http://www.w3.org/2000/svg}title"))
        self.assertIn("rbld, 10 M: 150 ms", told)
        # The echo is in the first panel only.
        self.assertEqual(len(re.findall(r"echo, 10 M", told)), 1)

    def test_the_plot_of_nothing_says_so(self):
        self.assertIn("not measured", plot.growth({}))


class FoundTest(unittest.TestCase):

    def test_what_was_found_before_stays_until_it_is_measured_again(self):
        with daemon.Scratch() as scratch:
            path = scratch.join("found.json")
            first = found.Keeper(path, {"rounds": 1})
            of_sizes = first.results.setdefault("sizes", {})
            first.take("10", lambda: {"cpu": {"a": [1]}, "start": {"a": 2},
                                      "memory": {"a": {"asked": 5}},
                                      "missing": {"b": "no"}}, (), of_sizes)
            again = found.Keeper(path, {"rounds": 5})
            of_sizes = again.results["sizes"]
            again.take("10", lambda: {"cpu": {"a": [3]}, "start": {},
                                      "memory": {"a": {"started": 4}},
                                      "missing": {}}, (), of_sizes)

            def fails():
                raise ValueError("no room")

            again.take("20", fails, ValueError, of_sizes)
            with open(path, encoding="utf-8") as text:
                self.assertEqual(json.load(text), {
                    "meta": {"rounds": 5}, "missing": {"20": "no room"},
                    "sizes": {"10": {
                        "cpu": {"a": [3]}, "start": {"a": 2},
                        "memory": {"a": {"started": 4, "asked": 5}},
                        "missing": {}}}})


class GeneratorTest(unittest.TestCase):

    def setUp(self):
        self.scratch = self.enterContext(daemon.Scratch())

    def _lines(self, *args):
        path = bench.gen(*args, out=self.scratch.join("out"))
        with open(path) as lines:
            return lines.read().splitlines()

    def test_listings_are_those_of_the_feed_in_parts_that_are_sorted(self):
        lines = self._lines("listings", "ipv4", 5000, 1, "sorted", 3)
        heads = [i for i, line in enumerate(lines) if line[0] == ":"]
        self.assertEqual(len(heads), 3)
        self.assertEqual(heads[0], 0)
        parts = [lines[a + 1:b] for a, b in zip(heads, heads[1:] + [None])]
        for part in parts:
            self.assertTrue(1500 < len(part) < 1850)
            keys = [tuple(map(int, a.split("."))) for a in part]
            self.assertEqual(keys, sorted(keys))
        self.assertEqual(sorted(sum(parts, [])),
                         sorted(self._lines("feed", 5000, 1, 0)))
        self.assertEqual(
            sorted(lines),
            sorted(self._lines("listings", "ipv4", 5000, 1, "random", 3)))

    def test_reasons_of_their_own_all_differ(self):
        lines = self._lines("listings", "ipv4", 5000, 1, "random", "each")
        reasons = {line.split(":", 2)[2] for line in lines}
        self.assertEqual(len(reasons), 5000)

    def test_ipv6_and_names_are_asked_with_the_promised_share(self):
        feed = self._lines("listings", "ipv6", 3000, 1, "random", 1)[1:]
        nets = {tuple(line.split("/")) for line in feed}
        self.assertEqual(len({a[:19] for a, _ in nets}), 3000)
        asked = self._lines("queries", 3000, 1, 3000, "z.test", "ipv6")
        listed = 0
        for line in asked:
            nibbles = line.split(".z.test")[0].split(".")[::-1]
            address = ":".join("".join(nibbles[i:i + 4])
                               for i in range(0, 32, 4))
            listed += (address, "128") in nets or (
                address[:19] + ":0000:0000:0000:0000", "64") in nets
        self.assertEqual(listed, 900)
        feed = set(self._lines("listings", "names", 3000, 1, "random", 1)[1:])
        self.assertEqual(len({n.lstrip(".") for n in feed}), 3000)
        listed = 0
        for line in self._lines("queries", 3000, 1, 3000, "z.test", "names"):
            name = line.split(".z.test")[0]
            below = name[4:] if name.startswith("www.") else name
            listed += name in feed or "." + below in feed
        self.assertEqual(listed, 900)

    def test_the_share_of_a_queries_is_known(self):
        lines = self._lines("queries", 1000, 1, 1000, "z.test")
        feed = set(self._lines("feed", 1000, 1, 0))
        of_type_a = [line[:-len(".z.test A")] for line in lines
                     if line.endswith(" A")]
        listed = sum(".".join(reversed(a.split("."))) in feed
                     for a in of_type_a)
        self.assertAlmostEqual(listed / len(of_type_a),
                               data.a_listed_share())


class FutexTest(unittest.TestCase):

    SUMMARY = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
100.00    0.000012           4         3         1 futex
------ ----------- ----------- --------- --------- ----------------
100.00    0.000012           4         3         1 total
"""

    def test_reads_what_strace_counts(self):
        self.assertEqual(workers.futex_calls(self.SUMMARY), 3)
        self.assertEqual(workers.futex_calls(""), 0)


if __name__ == "__main__":
    runner.main()
