"""The fuzzing tool's own parts, and that its bugs can still be planted."""

import unittest

from tests.fuzz import reports
from tests.fuzz import targets
from tests.harness import daemon
from tests.harness import runner


class RunTest(unittest.TestCase):

    def test_counts_the_runs_of_a_quiet_fuzzer(self):
        text = ("#2\tINITED cov: 3\n#1024\tpulse  cov: 7\n"
                "stat::number_of_executed_units: 2048\n")
        self.assertEqual(reports.read_run(text, 0), (2048, ""))
        self.assertIsNone(reports.artifact(text))

    def test_tells_what_a_sanitizer_found_and_where_the_input_is(self):
        text = ("#2\tINITED cov: 3\n#512\tNEW    cov: 9\n"
                "==7==ERROR: AddressSanitizer: heap-buffer-overflow on x\n"
                "Test unit written to /tmp/f/name-crash-0123\n")
        self.assertEqual(
            reports.read_run(text, 77),
            (512, "AddressSanitizer: heap-buffer-overflow on x"))
        self.assertEqual(reports.artifact(text), "/tmp/f/name-crash-0123")

    def test_tells_a_failed_check_and_undefined_behaviour(self):
        self.assertEqual(
            reports.read_run("==1== ERROR: libFuzzer: deadly signal\n", 77)[1],
            "libFuzzer: deadly signal")
        self.assertEqual(
            reports.read_run(
                "a.cc:3:4: runtime error: index 8 out of bounds\n", 1)[1],
            "index 8 out of bounds")
        self.assertEqual(reports.read_run("Killed\n", -9)[1], "exit -9")


class CoverageTest(unittest.TestCase):

    TEXT = """SF:a/b.cc
FN:10,_ZN4rbld5ParseEv
FN:20,_ZN4rbld5WriteEv
DA:10,4
DA:11,0
DA:12,0
DA:20,0
DA:21,0
end_of_record
SF:c.cc
DA:1,7
end_of_record
"""

    def test_counts_the_lines_that_were_reached(self):
        files = reports.read_lcov(self.TEXT)
        self.assertEqual(files["a/b.cc"],
                         reports.Coverage(5, 1, [11, 12, 20, 21]))
        self.assertEqual(files["c.cc"], reports.Coverage(1, 1, []))

    def test_leaves_out_functions_that_read_nothing(self):
        files = reports.read_lcov(self.TEXT, {"a/b.cc": "Write"})
        self.assertEqual(files["a/b.cc"], reports.Coverage(3, 1, [11, 12]))

    def test_lines_in_a_row_are_told_as_one_range(self):
        self.assertEqual(reports.ranges([1, 3, 4, 5, 9]), "1, 3-5, 9")
        self.assertEqual(reports.ranges([]), "")


class PlantTest(unittest.TestCase):

    def test_each_bug_has_its_place_in_the_source(self):
        for target in targets.TARGETS:
            with self.subTest(target.name):
                with open(daemon.runfile(target.plant.path),
                          encoding="utf-8") as source:
                    old = source.read()
                new = targets.plant(old, target.plant)
                self.assertIn("planted[at]", new)
                self.assertIn(target.plant.condition, new)

    def test_a_place_that_is_gone_is_an_error(self):
        bug = targets.Plant("x.cc", "gone", "true")
        with self.assertRaises(ValueError):
            targets.plant("int a;\n", bug)
        with self.assertRaises(ValueError):
            targets.plant("gone gone\n", bug)


if __name__ == "__main__":
    runner.main()
