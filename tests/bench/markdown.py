"""Tables, and the place in docs/BENCHMARKS.md where each of them stands."""

import os
import platform
import subprocess


def table(head, rows):
    """A Markdown table with aligned columns."""
    cells = [[str(c) for c in row] for row in [head] + rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for n, row in enumerate(cells):
        lines.append("| " + " | ".join(
            c.ljust(w) for c, w in zip(row, widths)) + " |")
        if n == 0:
            lines.append("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def _cpu_model():
    with open("/proc/cpuinfo") as text:
        for line in text:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def package_version(package):
    """Of Debian's package, or "none"."""
    done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          encoding="utf-8")
    return done.stdout if done.returncode == 0 else "none"


def machine(*packages):
    """One line that says where the figures come from."""
    parts = ["%d × %s" % (os.cpu_count(), _cpu_model()),
             "Linux " + platform.release()]
    parts += ["%s %s" % (p, package_version(p)) for p in packages]
    return "; ".join(parts)


def _document(name):
    """The place of a file of docs/ in the workspace."""
    root = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    if not root:
        raise SystemExit("--write works under `bazel run` only, which says "
                         "where the workspace is")
    return os.path.join(root, "docs", name)


def write_file(name, text):
    """Replaces a whole file of docs/."""
    path = _document(name)
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(text)
    os.rename(path + ".new", path)
    print("written: docs/%s" % name)


def write_section(name, text):
    """Replaces the section's text in docs/BENCHMARKS.md of the workspace.

    The file marks it by <!-- NAME --> … <!-- /NAME -->.
    """
    path = _document("BENCHMARKS.md")
    begin, end = "<!-- %s -->" % name, "<!-- /%s -->" % name
    with open(path, encoding="utf-8") as old:
        whole = old.read()
    if begin not in whole or end not in whole:
        raise SystemExit("%s has no place marked %s" % (path, begin))
    head, rest = whole.split(begin, 1)
    tail = rest.split(end, 1)[1]
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(head + begin + "\n" + text.strip() + "\n" + end + tail)
    os.rename(path + ".new", path)
    print("written into docs/BENCHMARKS.md")
