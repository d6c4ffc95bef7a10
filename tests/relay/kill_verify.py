"""What must hold after any number of kills."""

import base64
import bisect
import collections
import datetime
import re

PROOFS = ("open", "multihop")

# What each kind of target is found to be. Of "bounce", a bounce that came only
# after the verdict has had no part in it.
TRUTHS = {
    "open": "open",
    "percent": "open",
    "greylist": "open",
    "closed": "closed",
    "discard": "accepted",
    "bounce": "bounced",
}

MAX_MESSAGES = 3
# A tester that lives tells rbld within that time.
TELL_SECONDS = 4.0
LATE_SECONDS = 2.0
DAY = 86400
HOUR = 3600

_RCPT = re.compile(r"^ *[\d.]+ > RCPT TO:(.*)$", re.MULTILINE)
_TO = re.compile(r"^To: ([a-z2-7]{32})@", re.MULTILINE)


class Broken(AssertionError):
    """Promises that were not kept."""


def token_use(token):
    """(test, kind, form): each counts once, whatever else the token holds."""
    held = base64.b32decode(token.upper())
    return int.from_bytes(held[:6], "big"), held[6] >> 7, held[6] & 127


def seconds(text):
    """Of a time of the control API."""
    return datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00")).timestamp()


class Moments:
    """Which time rbld's clock had at any moment of the monotonic clock."""

    def __init__(self):
        self._when = [float("-inf")]
        self._ahead = [0]

    def add(self, monotonic, ahead):
        self._when.append(monotonic)
        self._ahead.append(ahead)

    def at(self, monotonic):
        """Good for differences only."""
        return monotonic + self._ahead[
            bisect.bisect_right(self._when, monotonic) - 1]


class Manners:
    """The schedule, in seconds of rbld's clock.

    A connection comes a little later than its session was granted, and ends a
    little later than rbld may have heard of it: `gap_slack`, `window_slack`.
    """

    def __init__(self, gap_slack, window_slack):
        self.session_gap = 600
        self.sessions_per_day = 4
        self.sessions_per_network_hour = 10
        self.gap_slack = gap_slack
        self.window_slack = window_slack


class Facts:
    """What was seen. `kinds` is of all targets that were reported."""

    def __init__(self, kinds, manners):
        self.kinds = kinds
        self.manners = manners
        self.moments = Moments()
        # As kill_targets_main.py notes them.
        self.connections = []
        self.mail = []
        # As the control API tells them, by target.
        self.cases = {}
        self.evidence = {}
        self.history = {}
        # By a relay test, of the list and in DNS.
        self.listed = set()
        self.in_dns = set()
        # (target, test, session) granted to a tester that was killed.
        self.cut_leases = set()
        # When testers were killed, and from when to when rbld was away.
        self.deaths = []
        self.away = []
        # Reports by target, and those of them without an answer.
        self.reports = collections.Counter()
        self.unanswered = collections.Counter()

    def of(self, address, kind):
        return [piece for piece in self.evidence.get(address, [])
                if piece["kind"] == kind]


def is_over(case):
    """Nothing more is to come, unless the address is listed."""
    return (case["test"] is None and case["lease"] is None and
            case["verdict"] != "none" and
            (case["listed"] or case["next_session"] is None))


# ---- no verdict lost, none applied twice ----

def _truth(facts, address, kind):
    truth = TRUTHS[kind]
    if truth != "bounced":
        return [truth]
    verdicts = facts.of(address, "verdict")
    bounces = facts.of(address, "bounce")
    if not verdicts or not bounces:
        return ["accepted"]
    ahead = (seconds(verdicts[-1]["time"]) -
             min(seconds(bounce["time"]) for bounce in bounces))
    # In the same second, either may have been first.
    if ahead == 0:
        return ["accepted", "bounced"]
    return ["bounced" if ahead > 0 else "accepted"]


def _verdicts(facts):
    for address, kind in facts.kinds.items():
        case = facts.cases.get(address)
        if case is None:
            yield "%s was reported and has no case" % address
            continue
        truth = _truth(facts, address, kind)
        is_relay = truth[0] in PROOFS
        found = {"verdict": case["verdict"], "over": is_over(case),
                 "listed": case["listed"], "times_listed": case["times_listed"],
                 "retests": case["retests"], "on the list": address in
                 facts.listed, "in DNS": address in facts.in_dns}
        right = {"verdict": case["verdict"] if case["verdict"] in truth
                 else truth[0], "over": True, "listed": is_relay,
                 "times_listed": int(is_relay), "retests": 0,
                 "on the list": is_relay, "in DNS": is_relay}
        wrong = ["%s %s, not %s" % (key, found[key], right[key])
                 for key in found if found[key] != right[key]]
        if wrong:
            yield "%s (%s): %s; sessions: %s" % (
                address, kind, "; ".join(wrong),
                [(one["test"], one["what"])
                 for one in facts.of(address, "session")])
        changes = [entry["kind"] for entry in facts.history.get(address, [])]
        if changes != ["add"] * is_relay:
            yield "%s (%s): its listing's changes are %s" % (
                address, kind, changes or "none")
        listings = [piece["text"] for piece in facts.of(address, "verdict")
                    if piece["text"].startswith("listed:")]
        if len(listings) != int(is_relay):
            yield "%s (%s): listed by the evidence: %s" % (address, kind,
                                                          listings)
        # One whose answer did not come may have counted or not.
        most = facts.reports[address]
        if not most - facts.unanswered[address] <= case["reports"] <= most:
            yield "%s: %d reports counted, %d made, %d of them unanswered" % (
                address, case["reports"], most, facts.unanswered[address])
    for address in (facts.listed | facts.in_dns) - set(facts.kinds):
        yield "%s is listed, and nobody reported it" % address


def _kept_tokens(facts):
    """How often the evidence has each token that came."""
    kept = collections.Counter()
    for pieces in facts.evidence.values():
        for piece in pieces:
            if piece["kind"] in ("message", "bounce"):
                kept.update(_TO.findall(piece["text"])[:1])
    return kept


def _tokens(facts):
    kept = _kept_tokens(facts)
    uses = collections.Counter(token_use(token) for token in kept.elements())
    for use, times in uses.items():
        if times > 1:
            yield "the token of (test, kind, form) %s is kept %d times" % (
                use, times)
    may_be_kept = set()
    for mail in facts.mail:
        token = mail["token"]
        where = "%s of %s" % (token, mail["address"])
        if mail["outcome"] is None:
            yield "%s is not delivered yet" % where
        elif mail["outcome"] == "taken":
            may_be_kept.add(token)
            if kept[token] != 1:
                yield "%s was taken with 250 and is kept %d times" % (
                    where, kept[token])
        elif token_use(token) not in uses:
            yield "%s was refused and had not come before: %s" % (
                where, mail["reply"])
        if mail["unsure"]:
            may_be_kept.add(token)
    for token in set(kept) - may_be_kept:
        yield "%s is kept, and nobody brought it" % token


# ---- what the targets saw ----

def _by_address(connections):
    by_address = collections.defaultdict(list)
    for connection in sorted(connections, key=lambda one: one["start"]):
        by_address[connection["address"]].append(connection)
    return by_address


def _cut(facts, address, connections):
    """Those connections that no session of the evidence tells of, and what is
    wrong with the evidence."""
    left = collections.defaultdict(list)
    # Of equal ones, those are told of that there was time for.
    for connection in sorted(connections, reverse=True,
                             key=lambda one: _time_to_tell(facts, one)):
        left[tuple(connection["recipients"])].append(connection)
    wrong = []
    for piece in facts.of(address, "session"):
        if " * connected" not in piece["text"]:
            continue
        asked = tuple(_RCPT.findall(piece["text"]))
        # What was asked last may not have got there.
        if not left[asked] and piece["what"] == "cut" and left[asked[:-1]]:
            asked = asked[:-1]
        if left[asked]:
            left[asked].pop(0)
        else:
            wrong.append("%s: kept once more than made: a session of %d forms "
                         "of test %d" % (address, len(asked), piece["test"]))
    return [one for equal in left.values() for one in equal], wrong


def _time_to_tell(facts, connection):
    """For how long its tester and rbld lived, after it had ended."""
    start, end = connection["start"], connection["end"] or float("inf")
    # The kernel may have accepted it for a target that was late.
    deaths = [death for death in facts.deaths if death > start - LATE_SECONDS]
    if not deaths:
        return float("inf")
    away = sum(max(0, min(up, deaths[0]) - max(down, end))
               for down, up in facts.away)
    return deaths[0] - end - away


def cut_connections(facts):
    return sum(len(_cut(facts, address, connections)[0]) for address,
               connections in _by_address(facts.connections).items())


def _sessions(facts):
    by_address = _by_address(facts.connections)
    granted = collections.Counter(lease[0] for lease in facts.cut_leases)
    for address in facts.kinds:
        connections = by_address.pop(address, [])
        cut, wrong = _cut(facts, address, connections)
        yield from wrong
        if len(cut) > granted[address]:
            yield ("%s: %d connections that the evidence knows nothing of, and "
                   "%d sessions cut" % (address, len(cut), granted[address]))
        for connection in cut:
            waited = _time_to_tell(facts, connection)
            if waited > TELL_SECONDS:
                yield ("%s: what a session found was never told, in %.1f s" % (
                    address, waited))
        taken = [len(connection["taken"]) for connection in connections]
        # What a session took of which rbld never heard, it cannot count.
        if taken and (max(taken) > MAX_MESSAGES or
                      sum(taken) > MAX_MESSAGES * (1 + len(cut))):
            yield "%s took %s messages in its sessions, %d of them cut" % (
                address, taken, len(cut))
    for address in by_address:
        yield "%s was connected to, and nobody reported it" % address


def _overlaps(connections, what):
    busy_until = float("-inf")
    for connection in sorted(connections, key=lambda one: one["start"]):
        if connection["end"] is None:
            yield "%s: a connection did not end" % connection["address"]
            continue
        if connection["start"] < busy_until:
            yield "%s: two connections at once %s, for %.3f s" % (
                connection["address"], what,
                min(busy_until, connection["end"]) - connection["start"])
        busy_until = max(busy_until, connection["end"])


def _crowds(facts, connections, most, window, what):
    starts = sorted(facts.moments.at(one["start"]) for one in connections)
    for first, last in zip(starts, starts[most:]):
        if last - first < window - facts.manners.window_slack:
            yield "%d connections %s within %d s" % (most + 1, what,
                                                     last - first)


def _manners(facts):
    manners = facts.manners
    networks = collections.defaultdict(list)
    for address, connections in _by_address(facts.connections).items():
        networks[address.rpartition(".")[0]] += connections
        yield from _overlaps(connections, "to it")
        yield from _crowds(facts, connections, manners.sessions_per_day, DAY,
                           "to " + address)
        for one, another in zip(connections, connections[1:]):
            if one["end"] is None:
                continue
            gap = (facts.moments.at(another["start"]) -
                   facts.moments.at(one["end"]))
            if gap < manners.session_gap - manners.gap_slack:
                yield "%s: only %d s between two connections" % (address, gap)
    for network, connections in networks.items():
        yield from _overlaps(connections, "to its /24")
        yield from _crowds(facts, connections,
                           manners.sessions_per_network_hour, HOUR,
                           "to %s.0/24" % network)


def problems(facts):
    """What is wrong, in words."""
    found = []
    for check in (_verdicts, _tokens, _sessions, _manners):
        found += check(facts)
    return found


def check_all(facts):
    found = problems(facts)
    if found:
        raise Broken("%d promises are broken:\n  %s" % (
            len(found), "\n  ".join(found[:40])))
