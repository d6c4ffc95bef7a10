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


class Switch:
    """A network of our own: hosts that reach one another, and nothing else.

    `address` is ours on it, `prefix_length` the whole network's.
    """

    NAME = "switch0"

    def __init__(self, address, prefix_length):
        self.prefix_length = prefix_length
        self._hosts = 0
        _must([["ip", "link", "set", "lo", "up"],
               ["ip", "link", "add", self.NAME, "type", "bridge"],
               ["ip", "address", "add", "%s/%d" % (address, prefix_length),
                "dev", self.NAME],
               ["ip", "link", "set", self.NAME, "up"]])

    def plug_in(self, holder):
        """A cable from the switch to "eth0" of the process's network."""
        self._hosts += 1
        cable = "cable%d" % self._hosts
        _must([["ip", "link", "add", cable, "type", "veth", "peer", "name",
                "eth0", "netns", str(holder)],
               ["ip", "link", "set", cable, "master", self.NAME, "up"]])


def add_address(address, prefix_length):
    """One more address of our own on the switch."""
    _must([["ip", "address", "add", "%s/%d" % (address, prefix_length), "dev",
            Switch.NAME]])


class Host:
    """A network namespace with one address, behind a switch.

    With `more`, a prefix, all of its addresses are the host's, too.
    """

    def __init__(self, switch, address, more=None):
        self.address = address
        # It ends with our own namespace of processes.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        switch.plug_in(self._holder.pid)
        commands = [
            ["ip", "link", "set", "lo", "up"],
            ["ip", "address", "add",
             "%s/%d" % (address, switch.prefix_length), "dev", "eth0"],
            ["ip", "link", "set", "eth0", "up"]]
        if more:
            commands.append(["ip", "route", "add", "local", more, "dev", "lo"])
        _must([self.command(command) for command in commands])
        if more:
            _must([["ip", "route", "add", more, "via", address]])

    def command(self, argv):
        """What runs `argv` there."""
        return ["nsenter", "--net=/proc/%d/ns/net" % self._holder.pid] + argv

    def accepted(self):
        """How many TCP connections it has accepted, as its kernel counts."""
        with open("/proc/%d/net/snmp" % self._holder.pid) as counters:
            names, values = [line.split() for line in counters
                             if line.startswith("Tcp:")]
        return int(values[names.index("PassiveOpens")])


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
