"""docs/CONFORMANCE.md names tests that exist, and claims nothing without one."""

import ast
import collections
import os
import re
import unittest

from tests.harness import daemon
from tests.harness import runner

# What a row may say instead of a test.
WORDS = ("people", "clients", "not kept")

Row = collections.namedtuple("Row", "rfc section rule rbld shown")

_TESTS = re.compile(r"`([^`:]+):([^`]+)`")


def rows(text):
    """The rows of the tables, under the heading of their RFC."""
    found = []
    rfc = None
    for line in text.splitlines():
        if line.startswith("## RFC "):
            rfc = line[3:]
        elif rfc and line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[0] != "§" and not set(cells[0]) <= set("-"):
                found.append(Row(rfc, *cells))
    return found


def tests_of_cc(text):
    """{"Suite.Name"} of the TEST macros."""
    return {"%s.%s" % pair for pair in re.findall(
        r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text, re.MULTILINE)}


def tests_of_py(text):
    """{"Class.test_name"}."""
    return {"%s.%s" % (one.name, method.name)
            for one in ast.parse(text).body if isinstance(one, ast.ClassDef)
            for method in one.body if isinstance(method, ast.FunctionDef)
            and method.name.startswith("test_")}


class TableTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        with open(daemon.runfile("docs/CONFORMANCE.md"),
                  encoding="utf-8") as page:
            cls.rows = rows(page.read())
        cls.known = {}

    def _tests_in(self, path):
        if path not in self.known:
            place = daemon.runfile(path)
            if not os.path.exists(place):
                return None
            with open(place, encoding="utf-8") as source:
                text = source.read()
            self.known[path] = (tests_of_py(text) if path.endswith(".py")
                                else tests_of_cc(text))
        return self.known[path]

    def test_both_documents_have_their_rows(self):
        sections = collections.defaultdict(set)
        for row in self.rows:
            sections[row.rfc].add(row.section)
        self.assertEqual(
            sections["RFC 5782"],
            {"2.1", "2.2", "2.3", "2.4", "3", "4", "5", "6", "7"})
        self.assertEqual(
            sections["RFC 6471"],
            {"2.1", "2.1.1", "2.1.2", "2.1.3", "2.2.1", "2.2.2", "2.2.3",
             "2.2.4", "2.2.5", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7",
             "3.8", "3.9"})

    def test_every_test_that_is_named_exists(self):
        for row in self.rows:
            for path, name in _TESTS.findall(row.shown):
                with self.subTest(path=path, name=name):
                    tests = self._tests_in(path)
                    self.assertIsNotNone(tests, "there is no file " + path)
                    self.assertIn(name, tests)

    def test_a_row_names_tests_or_says_why_there_is_none(self):
        for row in self.rows:
            with self.subTest(rfc=row.rfc, rule=row.rule):
                rest = _TESTS.sub("", row.shown).strip()
                if _TESTS.search(row.shown):
                    self.assertEqual(rest, "")
                    self.assertTrue(row.rbld, "what does rbld do?")
                else:
                    self.assertIn(rest, WORDS)
                if rest == "not kept":
                    self.assertTrue(row.rbld, "what does it instead?")


class ToolsTest(unittest.TestCase):

    def test_tests_are_found_in_both_languages(self):
        self.assertEqual(
            tests_of_cc("TEST(A, One) {\nTEST_F(B,\n       Two) {\n"
                        "// TEST(C, Three)\n"), {"A.One", "B.Two"})
        self.assertEqual(
            tests_of_py("class A(B):\n    def test_x(self):\n        pass\n"
                        "    def other(self):\n        pass\n"), {"A.test_x"})

    def test_a_test_that_is_gone_would_be_seen(self):
        one = rows("## RFC 1\n| § | a | b | c |\n|---|---|---|---|\n"
                   "| 2 | rule | does | `x_test.cc:A.Gone` |\n")
        self.assertEqual(_TESTS.findall(one[0].shown),
                         [("x_test.cc", "A.Gone")])
        self.assertNotIn("A.Gone", tests_of_cc("TEST(A, Here) {\n"))


if __name__ == "__main__":
    runner.main()
