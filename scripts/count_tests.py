#!/usr/bin/env python3
"""Counts the single test cases of Bazel runs.

  count_tests.py EVENTS.json…

Reads Bazel's build event files, opens the test.xml of every test that ran, and
prints the failures, the skipped cases with their reasons, and a last line of
two numbers: PASSED FAILED. A test that ended without a report of its cases
counts as one case.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree


def read_events(path):
    """{target: (status, path of test.xml)} and [targets that did not build]."""
    tests, broken = {}, []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            ident = event.get("id", {})
            if "testResult" in ident:
                result = event.get("testResult", {})
                xml_path = None
                for output in result.get("testActionOutput", []):
                    if output.get("name") == "test.xml":
                        uri = urllib.parse.urlparse(output["uri"])
                        xml_path = urllib.parse.unquote(uri.path)
                key = (ident["testResult"]["label"],
                       ident["testResult"].get("shard", 1))
                # A later attempt of the same shard replaces an earlier one.
                tests[key] = (result.get("status", "NO_STATUS"), xml_path)
            elif "testSummary" in ident:
                summary = event.get("testSummary", {})
                if summary.get("overallStatus") in ("NO_STATUS",
                                                    "FAILED_TO_BUILD"):
                    broken.append(ident["testSummary"]["label"])
    return tests, broken


def cases_of(path):
    """[(name, kind, text)] with kind of passed, failed, skipped."""
    cases = []
    root = xml.etree.ElementTree.parse(path).getroot()
    for case in root.iter("testcase"):
        name = "%s.%s" % (case.get("classname", ""), case.get("name", ""))
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            cases.append((name, "failed", ""))
        elif skipped is not None:
            cases.append((name, "skipped", skipped.get("message") or ""))
        elif case.get("status") == "notrun":
            continue
        else:
            cases.append((name, "passed", ""))
    return cases


def count(target, status, xml_path):
    cases = []
    if xml_path:
        try:
            cases = cases_of(xml_path)
        except (OSError, xml.etree.ElementTree.ParseError):
            cases = []
    passed = status == "PASSED" or status == "FLAKY"
    if not cases:
        return [(target, "passed" if passed else "failed", "")]
    if not passed and not any(kind == "failed" for _, kind, _ in cases):
        # It crashed or ran out of time between two cases.
        cases.append(("%s (%s)" % (target, status.lower()), "failed", ""))
    return cases


def main(paths):
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        tests, broken = read_events(path)
        for (target, _), (status, xml_path) in sorted(tests.items()):
            for name, kind, text in count(target, status, xml_path):
                totals[kind] += 1
                if kind == "failed":
                    print("FAILED   %s  %s" % (target, name))
                elif kind == "skipped":
                    print("skipped  %s  %s: %s" % (target, name, text))
        for target in sorted(set(broken)):
            totals["failed"] += 1
            print("FAILED   %s  (did not build)" % target)
    print(totals["passed"], totals["failed"])


if __name__ == "__main__":
    main(sys.argv[1:])
