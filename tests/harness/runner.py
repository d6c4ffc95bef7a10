"""Runs a file's unittest cases and reports each of them to Bazel."""

import os
import sys
import time
import unittest
from xml.sax import saxutils


class _Result(unittest.TextTestResult):
    """Keeps each case's time and outcome for the XML report."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cases = []
        self._started = 0.0

    def startTest(self, test):
        self._started = time.monotonic()
        super().startTest(test)

    def _keep(self, test, kind, text=""):
        self.cases.append((test, time.monotonic() - self._started, kind, text))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._keep(test, "passed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._keep(test, "failure", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self._keep(test, "error", self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._keep(test, "skipped", reason)


def _write_xml(path, cases):
    bad = sum(1 for c in cases if c[2] in ("failure", "error"))
    with open(path, "w", encoding="utf-8") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        out.write('<testsuites><testsuite name="python" tests="%d" '
                  'failures="%d">\n' % (len(cases), bad))
        for test, seconds, kind, text in cases:
            class_name, _, name = test.id().rpartition(".")
            out.write('<testcase classname=%s name=%s time="%.3f">'
                      % (saxutils.quoteattr(class_name),
                         saxutils.quoteattr(name or test.id()), seconds))
            if kind != "passed":
                first = text.strip().splitlines()[-1] if text.strip() else ""
                out.write("<%s message=%s>%s</%s>"
                          % (kind, saxutils.quoteattr(first),
                             saxutils.escape(text), kind))
            out.write("</testcase>\n")
        out.write("</testsuite></testsuites>\n")


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"])
    result = unittest.TextTestRunner(
        stream=sys.stdout, verbosity=2, resultclass=_Result).run(suite)
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        _write_xml(path, result.cases)
    if not result.testsRun and not result.skipped:
        print("no test case was found")
        sys.exit(1)
    sys.exit(0 if result.wasSuccessful() else 1)
