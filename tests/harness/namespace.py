"""A mount namespace of the test's own, so that it may have its own resolver."""

import ctypes
import os
import subprocess

_CLONE_NEWNS = 0x00020000
_LIBC = ctypes.CDLL(None, use_errno=True)


def use_resolv_conf(path):
    """Makes `path` /etc/resolv.conf for this process and what it starts.

    Returns None, or why that is impossible here. The rest of the system does
    not notice: the mount is in a namespace that ends with this process.
    """
    if os.geteuid() != 0:
        return "only root can make a mount namespace"
    if _LIBC.unshare(_CLONE_NEWNS) != 0:
        return "unshare(CLONE_NEWNS): " + os.strerror(ctypes.get_errno())
    commands = [["mount", "--bind", path, os.path.realpath("/etc/resolv.conf")]]
    if _any_shared_mount():
        # Or the new mount would appear in the rest of the system too.
        commands.insert(0, ["mount", "--make-rprivate", "/"])
    for command in commands:
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8")
        if done.returncode != 0:
            return "%s: %s" % (" ".join(command),
                               " ".join(done.stdout.split()))
    return None


def _any_shared_mount():
    """The optional fields of proc(5)'s mountinfo, before the lone hyphen."""
    with open("/proc/self/mountinfo") as lines:
        return any("shared:" in line.split(" - ", 1)[0] for line in lines)
