"""Runs the fuzzers, measures their corpora, and proves that they find bugs.

  bazel run //tests/fuzz:run -- [--minutes M] [--only NAME]… [--jobs N]
  bazel run //tests/fuzz:run -- --coverage [--only NAME]…
  bazel run //tests/fuzz:run -- --plant [--minutes M] [--only NAME]…

The first runs each fuzzer for M minutes (30) from its kept corpus, N at a time,
and adds to the corpus what reaches new code. A finding's input is kept in
fuzz-findings/. The second prints how much of each parser the corpora reach. The
third writes a bug into a copy of each parser and gives its fuzzer M minutes (10)
to find it. The exit status is 1 after a finding, for a parser that the corpora
reach less than 95 % of, and for a planted bug that was not found.

All are built with clang, in an output base of their own (.bazelrc: fuzz and
fuzzcoverage). Not part of scripts/test.
"""

import argparse
import concurrent.futures
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

from tests.bench import markdown
from tests.fuzz import reports
from tests.fuzz import targets

FINDINGS = "fuzz-findings"
# Kept inputs are short; llvm-cov gets them whole.
MAX_INPUT_BYTES = 1024
SLOWEST_INPUT_SECONDS = 20
# What ends a run: a check's abort needs no report of leaks.
SANITIZERS = {
    "ASAN_OPTIONS": "quarantine_size_mb=16:malloc_context_size=8",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


class Workspace:
    """Builds what stands in `root`, in an output base beside the usual one."""

    def __init__(self, root, suffix):
        self.root = root
        usual = self._output(["bazel", "info", "output_base"],
                             os.environ["BUILD_WORKSPACE_DIRECTORY"])
        self._bazel = ["bazel", "--output_base=%s-%s" % (usual, suffix)]

    def _output(self, argv, folder):
        return subprocess.run(argv, cwd=folder, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, encoding="utf-8",
                              check=True).stdout.strip()

    def build(self, config, chosen):
        """{target: program}."""
        flags = ["--config=" + config]
        code = subprocess.run(
            self._bazel + ["build"] + flags +
            ["--symlink_prefix=/", "--noshow_progress"] +
            sorted({target.label for target in chosen}),
            cwd=self.root).returncode
        if code != 0:
            raise SystemExit("the fuzzers do not build")
        folder = self._output(self._bazel + ["info"] + flags + ["bazel-bin"],
                              self.root)
        return {target: os.path.join(
            folder, target.label[2:].replace(":", "/")) for target in chosen}

    def close(self):
        subprocess.run(self._bazel + ["shutdown"], cwd=self.root,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def copy_tree(root, folder):
    """What git knows of `root`, and what it does not ignore."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, stdout=subprocess.PIPE, check=True).stdout.split(b"\0")
    for name in filter(None, names):
        source = os.path.join(os.fsencode(root), name)
        if not os.path.isfile(source):
            continue
        place = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(source, place)
    local = os.path.join(root, ".bazelrc.user")
    if os.path.exists(local):
        shutil.copy(local, folder)


def fuzz(name, program, corpus, seconds, new_inputs, artifact_prefix):
    """Runs one fuzzer; returns (runs, seconds, finding, artifact, log)."""
    started = time.monotonic()
    done = subprocess.run(
        [program, new_inputs, corpus, "-max_total_time=%d" % seconds,
         "-max_len=%d" % MAX_INPUT_BYTES,
         "-timeout=%d" % SLOWEST_INPUT_SECONDS, "-entropic=0",
         "-print_final_stats=1", "-artifact_prefix=" + artifact_prefix],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8",
        errors="replace", env=dict(os.environ, **SANITIZERS))
    runs, finding = reports.read_run(done.stderr, done.returncode)
    took = time.monotonic() - started
    print("%s: %d runs in %.0f s; %s" % (name, runs, took,
                                         finding or "nothing found"),
          flush=True)
    return runs, took, finding, reports.artifact(done.stderr), done.stderr


def replay(program, corpus, **environment):
    """Runs each kept input once; is all well?"""
    return subprocess.run(
        [program, "-rss_limit_mb=0"] + sorted(glob.glob(corpus + "/*")),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=dict(os.environ, **environment)).returncode == 0


def keep_new(program, corpus, new_inputs):
    """Adds to the corpus those new inputs that reach new code."""
    before = set(os.listdir(corpus))
    # How often code is run does not count: the corpus would never end growing.
    subprocess.run([program, "-merge=1", "-use_counters=0", corpus, new_inputs],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name in set(os.listdir(corpus)) - before:
        place = os.path.join(corpus, name)
        with open(place, "rb") as kept:
            digest = hashlib.sha256(kept.read()).hexdigest()
        os.rename(place, os.path.join(corpus, "found-" + digest[:12]))
    return len(os.listdir(corpus)) - len(before)


def run_fuzzers(root, chosen, minutes, jobs):
    workspace = Workspace(root, "fuzz")
    programs = workspace.build("fuzz", chosen)
    workspace.close()
    findings = os.path.join(root, FINDINGS)
    os.makedirs(findings, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rbld-fuzz-") as folder:

        def run_one(target):
            new_inputs = os.path.join(folder, target.name)
            os.mkdir(new_inputs)
            return fuzz(target.name, programs[target],
                        os.path.join(root, target.corpus), minutes * 60,
                        new_inputs, os.path.join(findings, target.name + "-"))

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(run_one, chosen))
        rows, failed = [], False
        for target, (runs, seconds, finding, kept, log) in zip(chosen,
                                                               results):
            # Two fuzzers may share a corpus, so one after the other.
            corpus = os.path.join(root, target.corpus)
            added = keep_new(programs[target], corpus,
                             os.path.join(folder, target.name))
            rows.append([target.name, format(runs, ","), "%.0f" % seconds,
                         format(int(runs / max(seconds, 1e-9)), ","),
                         len(os.listdir(corpus)), added, finding or "none"])
            if finding:
                failed = True
                print("%s: %s\n%s\ninput: %s\n" % (
                    target.name, finding, "\n".join(log.splitlines()[-60:]),
                    kept))
    print(markdown.table(["fuzzer", "runs", "seconds", "runs/s", "corpus",
                          "new in it", "finding"], rows))
    return 1 if failed else 0


def find_llvm(name):
    program = shutil.which(name)
    if not program:
        raise SystemExit("%s is missing; it is in Debian's package llvm" % name)
    return program


def measure_coverage(root, chosen):
    profdata, cov = find_llvm("llvm-profdata"), find_llvm("llvm-cov")
    workspace = Workspace(root, "fuzz")
    programs = workspace.build("fuzzcoverage", chosen)
    workspace.close()
    with tempfile.TemporaryDirectory(prefix="rbld-fuzz-") as folder:
        for target in chosen:
            if not replay(programs[target], os.path.join(root, target.corpus),
                          LLVM_PROFILE_FILE=os.path.join(
                              folder, target.name + ".profraw")):
                raise SystemExit(target.name + ": a kept input fails")
        merged = os.path.join(folder, "merged.profdata")
        subprocess.run([profdata, "merge", "-o", merged] +
                       glob.glob(os.path.join(folder, "*.profraw")), check=True)
        parsers = [parser for target in chosen for parser in target.parsers]
        objects = [word for target in chosen[1:]
                   for word in ("-object", programs[target])]
        # Without -sources: llvm-cov knows the files by relative names.
        text = subprocess.run(
            [cov, "export", "-format=lcov", "-instr-profile=" + merged,
             programs[chosen[0]]] + objects, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, encoding="utf-8", check=True).stdout
    files = reports.read_lcov(
        text.replace("SF:./", "SF:"),
        {parser.path: parser.skip for parser in parsers if parser.skip})
    rows, failed = [], False
    for parser in parsers:
        found = files.get(parser.path)
        if found is None:
            raise SystemExit("llvm-cov knows nothing of " + parser.path)
        part = found.reached / max(1, found.lines)
        failed |= part < targets.MIN_COVERAGE
        rows.append([parser.path, found.lines, found.reached,
                     "%.1f %%" % (part * 100), reports.ranges(found.missing)])
    print(markdown.table(["parser", "lines", "reached", "", "not reached"],
                         rows))
    return 1 if failed else 0


def find_planted(root, chosen, minutes, jobs):
    with tempfile.TemporaryDirectory(prefix="rbld-plant-") as folder:
        tree = os.path.join(folder, "tree")
        copy_tree(root, tree)
        for target in chosen:
            place = os.path.join(tree, target.plant.path)
            with open(place, encoding="utf-8") as old:
                text = targets.plant(old.read(), target.plant)
            with open(place, "w", encoding="utf-8") as new:
                new.write(text)
        workspace = Workspace(tree, "fuzz-planted")
        programs = workspace.build("fuzz", chosen)
        workspace.close()

        def run_one(target):
            corpus = os.path.join(tree, target.corpus)
            if not replay(programs[target], corpus):
                return 0, 0, "a kept input has it", None, ""
            return fuzz(target.name, programs[target], corpus, minutes * 60,
                        tempfile.mkdtemp(dir=folder),
                        os.path.join(folder, target.name + "-"))

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(run_one, chosen))
        rows, failed = [], False
        for target, (runs, seconds, finding, kept, log) in zip(chosen, results):
            found = target.plant.path in log and "out of bounds" in finding
            failed |= not found
            shown = ""
            if kept and os.path.exists(kept):
                with open(kept, "rb") as one:
                    shown = repr(one.read())[1:60]
            rows.append([target.name, target.plant.path,
                         "found" if found else finding or "NOT FOUND",
                         format(runs, ","), "%.0f" % seconds, shown])
    print(markdown.table(["fuzzer", "bug in", "", "runs", "seconds", "by"],
                         rows))
    return 1 if failed else 0


def main():
    names = [target.name for target in targets.TARGETS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help="one of " + ", ".join(names))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--coverage", action="store_true")
    what.add_argument("--plant", action="store_true")
    args = parser.parse_args()
    root = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    if not root:
        raise SystemExit("start it by `bazel run`, which says where the "
                         "workspace is")
    chosen = [target for target in targets.TARGETS
              if not args.only or target.name in args.only]
    if args.coverage:
        return measure_coverage(root, chosen)
    if args.plant:
        return find_planted(root, chosen, args.minutes or 10, args.jobs)
    return run_fuzzers(root, chosen, args.minutes or 30, args.jobs)


if __name__ == "__main__":
    sys.exit(main())
