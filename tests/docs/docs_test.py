"""What the documents say of the code, held against the code."""

import os
import re
import unittest

from tests.harness import daemon
from tests.harness import runner

ROLES = ("operator", "importer", "relayd", "public")
NAMED_ROLES = {"kEverybody": set(ROLES),
               "kStaff": {"operator", "importer", "relayd"}}


def read(path):
    with open(daemon.runfile(path), encoding="utf-8") as file:
        return file.read()


def table(text, head):
    """The rows, as lists of cells, of the table that begins with `head`."""
    rows = []
    for line in text[text.index(head):].splitlines()[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def routes_of_code():
    """{"GET /v1/lists/*": {roles}}"""
    routes = {}
    for method, path, roles in re.findall(
            r'\{"(GET|POST)",\s*"([^"]+)",\s*([^&{}]+?),\s*&ApiRoutes',
            read("control/api.cc")):
        allowed = set()
        for name in re.split(r"\s*\|\s*", roles.strip()):
            allowed |= NAMED_ROLES.get(name) or {
                name.replace("kOnly", "").lower()}
        routes["%s %s" % (method, path.replace("**", "*"))] = allowed
    return routes


def routes_of_document():
    routes = {}
    for cells in table(read("docs/CONTROL_API.md"), "| route |"):
        method = folder = None
        allowed = {role for role, cell in zip(ROLES, cells[1:])
                   if cell != "–"}
        for name in re.findall(r"`([^`]+)`", cells[0]):
            if " " in name:
                method, name = name.split(" ")
                folder = os.path.dirname(name)
            elif not name.startswith("/"):
                name = folder + "/" + name
            path = re.sub(r"\{[^}]*\}", "*", name.split("?")[0])
            routes["%s %s" % (method, path)] = allowed
    return routes


class DocumentsTest(unittest.TestCase):
    maxDiff = None

    def test_the_outcomes_of_a_query_are_those_that_are_counted(self):
        counted = re.findall(r'\{AnswerKind::k\w+,\s*"(\w+)"',
                             read("server/stats.cc"))
        self.assertGreater(len(counted), 8)
        told = [name for cells in table(read("docs/LIFE_OF_A_QUERY.md"),
                                        "| outcome |")
                for name in re.findall(r"`(\w+)`", cells[0])]
        self.assertEqual(sorted(told), sorted(counted))

    def test_the_routes_and_who_may_use_them(self):
        code = routes_of_code()
        self.assertGreater(len(code), 25)
        self.assertEqual(routes_of_document(), code)

    def test_every_section_of_the_configuration_that_is_named_exists(self):
        reference = read("docs/CONFIGURATION.md")
        sections = set(re.findall(r"^## (\[\[?[a-z_.]+\]\]?)", reference,
                                  re.MULTILINE))
        self.assertGreater(len(sections), 8)
        folder = daemon.runfile("docs")
        named = 0
        pages = [os.path.join("docs", name) for name in os.listdir(folder)
                 if name.endswith(".md")] + ["README.md"]
        for page in pages:
            # In code: `[[zone]] records`, or a line of a file.
            for section in re.findall(
                    r"(?:^ *|`)(\[\[?[a-z][a-z_.]*\]\]?)(?=[\s`])",
                    read(page), re.MULTILINE):
                named += 1
                self.assertIn(section, sections, page)
        self.assertGreater(named, 20)


if __name__ == "__main__":
    runner.main()
