"""What /proc says of a process: CPU time and memory."""

import os

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def descendants(pid):
    """The process and all that come from it."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry) as text:
                fields = text.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo.extend(children.get(one, []))
    return found


def cpu_seconds(pid):
    """(user, system) of the process tree so far.

    The kernel keeps the sum exactly and splits it by sampling at each tick, so
    over some seconds both parts are good to about a percent.
    """
    user = system = 0.0
    for one in descendants(pid):
        try:
            with open("/proc/%d/stat" % one) as text:
                fields = text.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        user += int(fields[11]) / _TICKS_PER_SECOND
        system += int(fields[12]) / _TICKS_PER_SECOND
    return user, system


def _schedstat_seconds(pid, field):
    total = 0
    for one in descendants(pid):
        try:
            for thread in os.listdir("/proc/%d/task" % one):
                with open("/proc/%d/task/%s/schedstat" % (one, thread)) as text:
                    total += int(text.read().split()[field])
        except OSError:
            continue
    return total / 1e9


def task_seconds(pid):
    """CPU time of all threads, in nanosecond steps (user and system)."""
    return _schedstat_seconds(pid, 0)


def wait_seconds(pid):
    """How long threads that could have run had to wait for a CPU, summed."""
    return _schedstat_seconds(pid, 1)


def thread_ids(pid, name):
    """The threads of that name (their `comm`)."""
    found = []
    for thread in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/comm" % (pid, thread)) as text:
                if text.read().strip() == name:
                    found.append(int(thread))
        except OSError:
            continue
    return found


def thread_seconds(pid, thread):
    """CPU time of one thread."""
    with open("/proc/%d/task/%d/schedstat" % (pid, thread)) as text:
        return int(text.read().split()[0]) / 1e9


def thread_switches(pid, thread):
    """How often it went to sleep by itself."""
    with open("/proc/%d/task/%d/status" % (pid, thread)) as text:
        for line in text:
            if line.startswith("voluntary_ctxt_switches:"):
                return int(line.split()[1])
    raise ValueError("no count of switches")


def tree_memory_bytes(pid):
    """Memory of the process tree, each shared page counted once (proc(5)).

    {"resident", "anonymous", "files", "shared", "processes"} in bytes. Of one
    process alone it is its RSS; of several the sum of what each has a part in.
    """
    tree = descendants(pid)
    kinds = {"resident": "", "anonymous": "_Anon", "files": "_File",
             "shared": "_Shmem"}
    if len(tree) == 1:
        with open("/proc/%d/status" % pid) as text:
            lines = dict(line.split(":", 1) for line in text if ":" in line)
        names = {"resident": "VmRSS", "anonymous": "RssAnon",
                 "files": "RssFile", "shared": "RssShmem"}
        found = {kind: int(lines[name].split()[0]) * 1024
                 for kind, name in names.items()}
        return dict(found, processes=1)
    found = dict.fromkeys(kinds, 0)
    for one in tree:
        with open("/proc/%d/smaps_rollup" % one) as text:
            lines = dict(line.split(":", 1) for line in text if ":" in line)
        for kind, ending in kinds.items():
            found[kind] += int(lines["Pss" + ending].split()[0]) * 1024
    return dict(found, processes=len(tree))


def memory_bytes(pid):
    """{"VmRSS", "VmHWM", "RssAnon", "RssFile"} in bytes."""
    wanted = {"VmRSS", "VmHWM", "RssAnon", "RssFile"}
    found = {}
    with open("/proc/%d/status" % pid) as text:
        for line in text:
            key, _, value = line.partition(":")
            if key in wanted:
                found[key] = int(value.split()[0]) * 1024
    return found


def forget_peak(pid):
    """VmHWM begins again at what is resident now."""
    with open("/proc/%d/clear_refs" % pid, "w") as out:
        out.write("5")
