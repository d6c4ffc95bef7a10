"""A test in namespaces of its own: network, mounts and processes.

The rest of the system notices nothing. Every port is free there, nothing sent
leaves the machine, files in /etc may be others, and whatever was started, as
whatever user, ends when the test does, even if the test is killed.
"""

import os
import subprocess
import sys

_COMMAND = ["unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork",
            "--kill-child"]
_ENTERED = "RBLD_TEST_NAMESPACES"

_why_not = "enter() was not called"


def enter():
    """Starts the program again inside; to be called before anything else.

    Where that is impossible it goes on outside, and why_not() says why.
    """
    global _why_not
    if _ENTERED in os.environ:
        _why_not = None
        return
    _why_not = _run([_COMMAND + ["true"]])
    if _why_not is None:
        os.environ[_ENTERED] = "yes"
        os.execvp(_COMMAND[0], _COMMAND + [sys.executable] + sys.argv)


def why_not():
    """None, or why there are no namespaces of our own."""
    return _why_not


def use_network(prefix):
    """Makes every address of the prefix our own, to connect from."""
    _must([["ip", "link", "set", "lo", "up"],
           ["ip", "route", "add", "local", prefix, "dev", "lo"]])


def use_files(files):
    """Makes files[path] what is seen at `path`."""
    _must([["mount", "--bind", ours, os.path.realpath(path)]
           for path, ours in files.items()])


def _must(commands):
    why = _run(commands)
    if why:
        raise RuntimeError(why)


def _run(commands):
    """None, or what the first command that failed said."""
    for command in commands:
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8")
        if done.returncode != 0:
            return "%s: %s" % (" ".join(command),
                               " ".join(done.stdout.split()))
    return None
