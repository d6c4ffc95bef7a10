"""What was found, as the sections of docs/BENCHMARKS.md and a list of limits.

Each section is a function of the results, a JSON object as scale.py keeps it,
to (text, [Limit, …]); none needs a server.
"""

from tests.bench import markdown
from tests.bench.scale import figures
from tests.bench.scale.figures import Limit
from tests.bench.scale.figures import median

ORDER = ("echo", "rbld", "rbldnsd", "knot", "nsd")
TEN, HUNDRED = 10_000_000, 100_000_000

LIMIT_USER = {TEN: 0.30, HUNDRED: 0.38}  # µs
LIMIT_RATIO = {TEN: 1.08, HUNDRED: 1.10}
LIMIT_INDEX = {TEN: 3.0, HUNDRED: 2.5}  # bytes a listing
LIMIT_RESIDENT = {TEN: 100e6, HUNDRED: 450e6}  # bytes
LIMIT_START = {TEN: 0.2, HUNDRED: 0.3}  # seconds
LIMIT_START_KILLED = 1.5
LIMIT_VISIBLE = 0.005
LIMIT_COST_UNDER_CHANGES = 1.10
LIMIT_COMPACTION_RATE = 0.90  # with ÷ without
LIMIT_COMPACTION_PEAK = 1.3  # × the resting memory
LIMIT_KIND_USER = 0.6
LIMIT_KIND_INDEX = {"ipv6": 12.0, "names": 24.0}
LIMIT_TWO_WORKERS = 1.9

DATA = "Random single IPv4 addresses with three pairs of code and reason at " \
    "random; 30 % of the names are listed, 10 % of the queries TXT (shares " \
    "checked); 10 M distinct names from 10 M listings on, else three a listing."


def by_size(results, part):
    """[(size, what was found of the part), …], the smallest first."""
    sizes = sorted((int(size), one) for size, one in
                   results.get("sizes", {}).items())
    return [(size, one[part]) for size, one in sizes if one.get(part)]


def in_order(found):
    return [name for name in ORDER if name in found]


def why_not(results, size, *names):
    missing = results.get("sizes", {}).get(str(size), {}).get("missing", {})
    return "; ".join(missing[n] for n in names if n in missing) or \
        "not measured"


def values(runs, key):
    return [one[key] for one in runs]


def ratios(found, name):
    return figures.paired(values(found[name], "total"),
                          values(found["echo"], "total"))


def footer(results, *packages):
    meta = results.get("meta", {})
    said = meta.get("machine", "?")
    told = meta.get("packages", {})
    more = ["%s %s" % (p, told[p]) for p in packages if p in told]
    return "; ".join([said] + more) + "."


def missing_lines(results, names):
    """Why a figure is not there, once for each reason."""
    lines = {}
    for size, one in sorted((int(s), o) for s, o in
                            results.get("sizes", {}).items()):
        for name, why in one.get("missing", {}).items():
            if name in names:
                lines.setdefault((name, why), []).append(
                    figures.short_count(size))
    return "".join("\n\nNo figure of %s at %s: %s." % (
        name, ", ".join(sizes), why.strip().splitlines()[0])
        for (name, why), sizes in lines.items())


def cost_row(first, found, name):
    runs = found[name]
    user = values(runs, "user")
    row = first + [name, figures.spread(user, lambda v: "%.2f" % v),
                   "%.2f" % median([r["total"] - r["user"] for r in runs]),
                   "%.2f" % median(values(runs, "total"))]
    if "echo" in found:
        mine = ratios(found, name)
        row += ["%.3f" % median(mine), "%.3f to %.3f" % (min(mine), max(mine))]
    return row + [
        "%d k" % (median(values(runs, "per_second")) / 1000),
        "%.4f %%" % (max(values(runs, "loss")) * 100),
        "%.0f %%" % (median(values(runs, "waited")) * 100)]


COST_HEAD = ["server", "user µs", "kernel µs", "total µs", "÷ echo", "range",
             "q/s", "worst loss", "waited"]


def rounds_text(results):
    meta = results.get("meta", {})
    return "%d rounds of %d s" % (meta.get("rounds", 0), meta.get("seconds", 0))


def cpu(results):
    rows, limits = [], []
    for size, found in by_size(results, "cpu"):
        for name in in_order(found):
            rows.append(cost_row([figures.short_count(size)], found, name))
    for size in LIMIT_USER:
        found = dict(by_size(results, "cpu")).get(size, {})
        here = figures.short_count(size)
        why = why_not(results, size, "cpu", "rbld")
        mine = found.get("rbld")
        limits += [
            Limit("rbld's user µs a query, %s listings" % here,
                  median(values(mine, "user")) if mine else None,
                  LIMIT_USER[size], why_not=why),
            Limit("rbld's total ÷ the echo's, %s listings" % here,
                  median(ratios(found, "rbld")) if mine else None,
                  LIMIT_RATIO[size], why_not=why, form="%.3f")]
    text = "%s %s, medians (of *user* with the range); *÷ echo* is the " \
        "median of the rounds' own ratios of total CPU time. *Waited*: how " \
        "long the server could have run while others had its core.\n\n%s%s\n\n%s" % (
            DATA, rounds_text(results),
            markdown.table(["listings"] + COST_HEAD, rows),
            missing_lines(results, ("cpu", "knot", "nsd", "rbldnsd")),
            footer(results, "rbldnsd", "knot", "nsd"))
    return text, limits


def resident_cells(found):
    if not found:
        return ["–"] * 3
    return [figures.megabytes(size) for size in (
        found["resident"], found["anonymous"],
        found["files"] + found["shared"])]


def most_resident(of_one):
    """The bigger one of the two looks; None without any."""
    seen = [of_one[when]["resident"] for when in ("started", "asked")
            if when in of_one]
    return max(seen) if seen else None


def memory(results):
    rows, limits = [], []
    for size, found in by_size(results, "memory"):
        for name in in_order(found):
            one = found[name]
            index = one.get("index")
            rows.append(
                [figures.short_count(size), name]
                + resident_cells(one.get("started"))[:1]
                + resident_cells(one.get("asked"))
                + ["%.2f" % (index["bytes"] / index["listings"])
                   if index else ""])
    for size in LIMIT_INDEX:
        one = dict(by_size(results, "memory")).get(size, {}).get("rbld", {})
        index = one.get("index")
        most = most_resident(one)
        here = figures.short_count(size)
        why = why_not(results, size, "cpu", "rbld")
        limits += [
            Limit("index, bytes a listing, %s" % here,
                  index["bytes"] / index["listings"] if index else None,
                  LIMIT_INDEX[size], why_not=why),
            Limit("rbld resident, MB, %s listings" % here,
                  most / 1e6 if most else None, LIMIT_RESIDENT[size] / 1e6,
                  form="%.0f", why_not=why)]
    text = "Resident memory of the whole server after its start, and after " \
        "it was asked all the names of the table above, with every mapped " \
        "page that it touched; of several processes each page once. 1 MB is " \
        "1,000,000 bytes. The index is what rbld says of its list.\n\n%s%s" \
        "\n\n%s" % (
            markdown.table(
                ["listings", "server", "after the start", "after queries",
                 "of it anonymous", "of it files and shared",
                 "index, bytes a listing"], rows),
            missing_lines(results, ("memory", "knot", "nsd", "rbldnsd")),
            footer(results, "rbldnsd", "knot", "nsd"))
    return text, limits


def start(results):
    rows, limits = [], []
    for size, found in by_size(results, "start"):
        for name in in_order(found):
            one = found[name]
            rows.append([figures.short_count(size), name,
                         figures.spread(one.get("clean", []), figures.duration),
                         figures.spread(one.get("killed", []),
                                        figures.duration)])
    for size in LIMIT_START:
        one = dict(by_size(results, "start")).get(size, {}).get("rbld", {})
        here = figures.short_count(size)
        why = why_not(results, size, "start", "rbld")
        limits += [
            Limit("start after a clean stop, s, %s listings" % here,
                  median(one.get("clean", [])), LIMIT_START[size], why_not=why),
            Limit("start after kill -9 and 100,000 changes, s, %s listings"
                  % here, median(one.get("killed", [])), LIMIT_START_KILLED,
                  why_not=why)]
    text = "From the exec (its fork included) to the first right answer, on " \
        "one core, with the page cache warm; asked every millisecond. " \
        "Medians and ranges of up to %d starts, fewer of servers that take " \
        "minutes. Right after the first answer a hundred other names must be right." \
        "\n\n%s%s\n\n%s" % (
            results.get("meta", {}).get("rounds", 0),
            markdown.table(["listings", "server", "after a clean stop",
                            "after kill -9, 100,000 changes later"], rows),
            missing_lines(results, ("start", "knot", "nsd", "rbldnsd")),
            footer(results, "rbldnsd", "knot", "nsd"))
    return text, limits


LOAD_NAMES = {"half": "half load", "most": "full load"}


def of_changes(one, what, part):
    """[seconds], one for each round with changes."""
    return [w["changes"][what][part] / 1e6 for w in one["with"]]


def cost_under_changes(one):
    return median(figures.paired(values(one["with"], "worker"),
                                 values(one["without"], "worker")))


def change_row(first, one):
    row = first + ["%d k" % (median(values(one["with"], "per_second")) / 1000)]
    for what in ("ack_to_answer_us", "request_to_answer_us"):
        for part in ("p50", "p99"):
            row.append(figures.duration(median(of_changes(one, what, part))))
    row += [figures.duration(median(of_changes(one, "late_us", "p99"))),
            str(sum(w["changes"]["stale"] for w in one["with"]))]
    for what in ("worker", "whole"):
        for kind in ("without", "with"):
            row.append("%.2f" % median(values(one[kind], what)))
    return row + ["%.3f" % cost_under_changes(one)]


def change_limits(here, load, one):
    """How soon it is seen has a limit at half load: a core that queries fill
    has no time of its own for changes."""
    where = "%s listings, %s" % (here, LOAD_NAMES[load])
    limits = [Limit("a query under changes ÷ one without, " + where,
                    cost_under_changes(one), LIMIT_COST_UNDER_CHANGES,
                    form="%.3f")]
    if load != "half":
        return limits
    return limits + [
        Limit("%s to right answer, p99, ms, %s" % (told, where),
              median(of_changes(one, what, "p99")) * 1000, LIMIT_VISIBLE * 1000)
        for what, told in (("ack_to_answer_us", "acknowledgement"),
                           ("request_to_answer_us", "request"))]


CHANGE_TEXT = "A thousand single additions a second to rbld, each a request " \
    "and a synced write of its own, for %d s in each of %d rounds, while " \
    "dnsload asks at half of what rbld answers, and as fast as it answers; " \
    "medians of the rounds' own percentiles. Times count from the schedule " \
    "of the requests; the client that makes the changes goes before dnsload, " \
    "with which it shares a core. *Workers* are the threads that answer, *process* is " \
    "all of rbld with the changes themselves, both in µs of CPU a query, " \
    "without changes and with them; the ratio is that of the workers. At " \
    "half load it has the wakes of a worker that sleeps in between; at full " \
    "load there are none.\n\n%s\n\nOne change to a server that has nothing " \
    "else to do, from its signal or commit to the right answer: rbldnsd and " \
    "NSD get a line in a file and SIGHUP, Knot a transaction of knotc." \
    "\n\n%s%s\n\n%s"


def change(results):
    rows, peers, limits = [], [], []
    for size, found in by_size(results, "change"):
        here = figures.short_count(size)
        for load in LOAD_NAMES if "rbld" in found else ():
            one = found["rbld"][load]
            rows.append(change_row([here, load], one))
            limits += change_limits(here, load, one)
        peers += [[here, name, figures.spread(found[name], figures.duration),
                   str(len(found[name]))]
                  for name in in_order(found) if name != "rbld"]
    meta = results.get("meta", {})
    text = CHANGE_TEXT % (
        meta.get("change_seconds", 0), meta.get("rounds", 0),
        markdown.table(
            ["listings", "load", "q/s", "ack to answer, p50", "p99",
             "request to answer, p50", "p99", "client late, p99", "stale",
             "workers without", "with", "process without", "with", "ratio"],
            rows),
        markdown.table(["listings", "server", "visible after", "changes"],
                       peers),
        missing_lines(results, ("change", "knot", "nsd", "rbldnsd")),
        footer(results, "rbldnsd", "knot", "nsd"))
    return text, limits


COMPACTION_TEXT = "rbld works changes into the base of a list when enough " \
    "differs from it: it writes the index anew, maps it and exchanges its " \
    "memory. Here on the one core that a worker fills: the rate before, and " \
    "under the last changes, 500 a second, until the memory rests again; %d " \
    "rounds, medians with the range. The peak is VmHWM in that time, the " \
    "resting memory that before the changes.\n\n%s%s\n\n%s"


def compaction(results):
    rows, limits = [], []
    for size, found in by_size(results, "compaction"):
        here = figures.short_count(size)
        runs = found["rbld"]
        kept = figures.paired(values(runs, "with"), values(runs, "without"))
        peaks = figures.paired(values(runs, "peak"), values(runs, "rest"))
        rows.append([
            here, "%d k" % (median(values(runs, "changes")) / 1000),
            "%d k" % (median(values(runs, "without")) / 1000),
            "%d k" % (median(values(runs, "with")) / 1000),
            figures.spread(kept, lambda v: "%.3f" % v),
            figures.spread(values(runs, "seconds"), figures.duration),
            figures.megabytes(median(values(runs, "rest"))),
            figures.megabytes(median(values(runs, "peak"))),
            figures.spread(peaks, lambda v: "%.2f" % v),
            "%.4f %%" % (max(values(runs, "loss")) * 100)])
        if size < HUNDRED:
            continue
        limits += [
            Limit("rate while a base is written ÷ without, %s listings" % here,
                  median(kept), LIMIT_COMPACTION_RATE, form="%.3f",
                  at_least=True),
            Limit("peak ÷ resting memory, %s listings" % here, max(peaks),
                  LIMIT_COMPACTION_PEAK)]
    text = COMPACTION_TEXT % (
        results.get("meta", {}).get("rounds", 0),
        markdown.table(
            ["listings", "changes", "q/s without", "with", "ratio", "takes",
             "resting",
             "peak", "ratio", "worst loss"], rows),
        missing_lines(results, ("compaction",)), footer(results))
    return text, limits


def reasons(results):
    one = results["reasons"]
    rows = []
    for name, told in (("three", "three reasons"),
                       ("each", "each its own reason")):
        index = one["index"][name]
        rows.append(cost_row([], one["cpu"], name)[:5] + [
            "%.1f" % (index["bytes"] / index["listings"]),
            figures.megabytes(one["started"][name]["resident"]),
            figures.megabytes(one["asked"][name]["resident"]),
            figures.spread(one["start"][name], figures.duration),
            figures.duration(one["import"][name])])
        rows[-1][0] = told
    text = "%s listings; A queries alone, %s, medians. Two rblds on the " \
        "same core, asked in turn, beside an echo.\n\n%s\n\n%s" % (
            figures.count(one["size"]), rounds_text(results),
            markdown.table(
                ["listings with", "user µs", "kernel µs", "total µs", "÷ echo",
                 "index, bytes a listing", "resident after the start",
                 "after queries", "start", "import"], rows), footer(results))
    return text, []


def kinds(results):
    rows, limits = [], []
    told = {"ipv6": "IPv6, half /64, half /128", "names":
            "registered domains, half with their subdomains"}
    size = None
    for kind, one in results["kinds"].items():
        size = one["size"]
        for name in in_order(one["cpu"]):
            index = one["index"] if name == "rbld" else None
            rows.append(cost_row([told[kind]], one["cpu"], name) + [
                figures.megabytes(one["memory"][name]["resident"]),
                "%.2f" % (index["bytes"] / index["listings"])
                if index else ""])
        here = "%s, %s listings" % (kind, figures.short_count(size))
        index = one["index"]
        limits += [
            Limit("rbld's user µs a query, " + here,
                  median(values(one["cpu"]["rbld"], "user")), LIMIT_KIND_USER),
            Limit("index, bytes a listing, " + here,
                  index["bytes"] / index["listings"], LIMIT_KIND_INDEX[kind])]
    text = "%s listings of each, random, with three pairs of code and " \
        "reason; 30 %% of the names are listed; %s, medians. rbldnsd holds " \
        "them as ip6trie and dnset.\n\n%s\n\n%s" % (
            figures.count(size or 0), rounds_text(results),
            markdown.table(["kind"] + COST_HEAD
                           + ["resident", "index, bytes a listing"], rows),
            footer(results, "rbldnsd"))
    return text, limits


def worker_rows(name, one):
    rows = []
    for load, runs in [("most", one["most"])] + sorted(
            (part + " %", runs) for part, runs in one["parts"].items()):
        def middle(key, runs=runs):
            return median(values(runs, key))
        rows.append([
            name, load, "%d k" % (middle("per_second") / 1000),
            figures.spread([v / 1000 for v in values(runs, "per_cpu_second")],
                           lambda v: "%.0f k" % v),
            *("%.0f µs" % middle(key) for key in ("p50", "p99", "p99_9")),
            "%.4f %%" % (max(values(runs, "loss")) * 100),
            "%.0f %%" % (middle("busy") * 100)])
    return rows


def worker_text(name, seen):
    text = "%s: %s voluntary sleeps of its threads in %s queries" % (
        name, figures.count(seen["sleeps"]), figures.count(seen["queries"]))
    if seen["futexes"] is None:
        return text + "; futex calls not counted (%s)" % seen["why_not"]
    return text + "; %s futex calls in %s more (strace)" % (
        figures.count(seen["futexes"]), figures.count(seen["traced_queries"]))


def two_against(one, two, name):
    """What two workers get done in a second of two cores, by what one gets
    done in a second of one: twice the queries a CPU second of a server."""
    return 2 * median(figures.paired(
        values(one[two]["most"], "per_cpu_second"),
        values(one[name]["most"], "per_cpu_second")))


def workers(results):
    one = results["workers"]
    rows = worker_rows("one, on a core of its own", one["one"]) + \
        worker_rows("one, on a core with the client", one["shared"]) + \
        worker_rows("two, cpu_affinity, a client on each core", one["own"]) + \
        worker_rows("two, one client that moves between the cores", one["two"])
    text = "%s listings, %s, medians. This machine has two cores, and with " \
        "two workers **the clients share both with them**: so the queries " \
        "of a second tell little, and those of a second of the server's CPU " \
        "time tell what there is to tell. While a client has the core, " \
        "queries gather and cost less each; so one worker is measured with " \
        "the client on its core, too, which is the fair one to compare " \
        "with. Of the latencies of two clients each is the longer one.\n\n" \
        "%s\n\nUnder full load, %s. %s. %s.\n\n%s" % (
            figures.count(one["size"]), rounds_text(results),
            markdown.table(
                ["workers", "load", "q/s", "queries a CPU second", "p50", "p99",
                 "p99.9", "worst loss", "its CPU, of one core"], rows),
            worker_text("one worker", one["one"]["watched"]),
            worker_text("two workers with cpu_affinity", one["own"]["watched"]),
            worker_text("two without", one["two"]["watched"]),
            footer(results))
    return text, [
        Limit("queries a CPU second, twice two workers' %s ÷ that of one %s" % (
            how, told), two_against(one, two, name), LIMIT_TWO_WORKERS,
              at_least=True)
        for two, how in (("own", "with cpu_affinity"), ("two", "without"))
        for name, told in (("shared", "with the client on its core"),
                           ("one", "on a core of its own"))]


def growth_value(one, part, name):
    """(µs a query | bytes | seconds) of a server at a size; None without."""
    found = one.get(part, {}).get(name)
    if not found:
        return None
    if part == "cpu":
        return median(values(found, "total"))
    if part == "memory":
        return most_resident(found)
    if part == "start":
        return median(found["clean"])
    if name == "rbld":
        return median(of_changes(found["half"], "request_to_answer_us", "p50"))
    return median(found)


def growth(results):
    rows = []
    sizes = sorted((int(s), one) for s, one in
                   results.get("sizes", {}).items())
    for size, one in sizes:
        for name in ORDER:
            cells = [growth_value(one, part, name)
                     for part in ("cpu", "memory", "start", "change")]
            if all(c is None for c in cells):
                continue
            rows.append([figures.short_count(size), name,
                         figures.significant(cells[0]),
                         figures.megabytes(cells[1]),
                         figures.duration(cells[2]),
                         figures.duration(cells[3])])
    text = "![µs a query, memory, start and change by the number of " \
        "listings](growth.svg)\n\nThe medians of the tables below: total " \
        "CPU of a query; resident memory, the bigger of two looks; a start " \
        "after a clean stop; from the request at half load (of the peers: " \
        "the signal or commit) to the right answer. A – was not measured." \
        "\n\n%s%s\n\n%s" % (
            markdown.table(["listings", "server", "µs a query", "resident",
                            "start", "change visible"], rows),
            missing_lines(results, ("knot", "nsd", "rbldnsd")),
            footer(results, "rbldnsd", "knot", "nsd"))
    return text, []


# Of a part: the section's mark in docs/BENCHMARKS.md, and what makes its text.
SECTIONS = {
    "cpu": ("scale_cpu", cpu), "memory": ("scale_memory", memory),
    "start": ("scale_start", start), "change": ("scale_change", change),
    "compaction": ("scale_compaction", compaction),
    "reasons": ("scale_reasons", reasons), "kinds": ("scale_kinds", kinds),
    "growth": ("scale_growth", growth), "workers": ("scale_workers", workers),
}
