"""Reads what libFuzzer and llvm-cov print."""

import collections
import re

Coverage = collections.namedtuple("Coverage", "lines reached missing")

# What a sanitizer, libFuzzer or a failed check says first.
_FINDING = re.compile(
    r"^(?:==\d+==\s*ERROR: (.*)|.*runtime error: (.*))$", re.MULTILINE)


def read_run(text, exit_code):
    """What one run of a fuzzer came to."""
    executed = re.findall(r"^stat::number_of_executed_units:\s+(\d+)", text,
                          re.MULTILINE)
    progress = re.findall(r"^#(\d+)\s", text, re.MULTILINE)
    runs = int(executed[-1]) if executed else max(
        [int(number) for number in progress] or [0])
    finding = ""
    if exit_code != 0:
        said = _FINDING.search(text)
        finding = (said.group(1) or said.group(2)) if said else (
            "exit %d" % exit_code)
    return runs, finding


def artifact(text):
    """The file that a run wrote its finding into, or None."""
    said = re.findall(r"Test unit written to (\S+)", text)
    return said[-1] if said else None


def read_lcov(text, skip=None):
    """{path: Coverage} of llvm-cov's lcov export.

    `skip` is {path: regular expression}: functions, by their mangled names,
    whose lines do not count.
    """
    skip = skip or {}
    files = {}
    path, functions, lines = None, [], {}
    for row in text.splitlines():
        kind, _, rest = row.partition(":")
        if kind == "SF":
            path, functions, lines = rest, [], {}
        elif kind == "FN":
            number, _, name = rest.partition(",")
            functions.append((int(number), name))
        elif kind == "DA":
            number, _, count = rest.partition(",")
            lines[int(number)] = int(count.split(",")[0])
        elif row == "end_of_record":
            counted = _without_functions(lines, functions, skip.get(path))
            missing = sorted(n for n, count in counted.items() if count == 0)
            files[path] = Coverage(len(counted), len(counted) - len(missing),
                                   missing)
    return files


def _without_functions(lines, functions, skip):
    if not skip:
        return lines
    starts = sorted(functions)
    kept = {}
    for number, count in lines.items():
        above = [name for start, name in starts if start <= number]
        if not above or not re.search(skip, above[-1]):
            kept[number] = count
    return kept


def ranges(numbers):
    """"3, 7-9" for [3, 7, 8, 9]."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else "%d-%d" % (a, b) for a, b in parts)
