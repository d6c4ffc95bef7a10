"""How many instructions an answer costs: no more than a tenth above what is
written in instructions.txt.

Times wobble with the machine; instructions, counted by callgrind, do not. After
a change that is worth its price, or that made answers cheaper, write the
figures that this test prints into the file.
"""

import os
import re
import subprocess
import unittest

from tests.harness import daemon
from tests.harness import runner

LIMIT = 1.10


def _expected():
    with open(daemon.runfile("tests/bench/instructions.txt")) as text:
        lines = [line.split() for line in text if not line.startswith("#")]
    return {name: int(count) for name, count in lines}


class InstructionsTest(unittest.TestCase):

    def test_an_answer_costs_no_more_than_it_did(self):
        valgrind = daemon.find_program("valgrind")
        if not valgrind:
            self.skipTest("valgrind is not installed (scripts/packages.txt)")
        scratch = self.enterContext(daemon.Scratch())
        out = scratch.join("callgrind")
        done = subprocess.run(
            [valgrind, "--tool=callgrind", "--callgrind-out-file=" + out,
             daemon.runfile("tests/bench/instructions_main")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stderr)
        if "not optimised" in done.stdout:
            self.skipTest("only with --config=opt")
        found = {}
        for number, line in enumerate(done.stdout.splitlines(), 1):
            name, queries = line.split()
            with open("%s.%d" % (out, number)) as part:
                text = part.read()
            self.assertIn("Client Request: " + name, text)
            total = int(re.search(r"^totals: (\d+)", text, re.M).group(1))
            found[name] = round(total / int(queries))
        for name, count in found.items():
            print("%-16s %5d" % (name, count))
        expected = _expected()
        self.assertEqual(set(found), set(expected))
        for name, count in found.items():
            self.assertLessEqual(count, expected[name] * LIMIT, name)


if __name__ == "__main__":
    runner.main()
