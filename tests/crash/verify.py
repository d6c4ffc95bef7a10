"""What must hold after every crash."""

import ipaddress

from tests.crash import writers as writers_module
from tests.harness import control
from tests.harness import dns_client

LIST = writers_module.LIST
AUDIT_PAGE = 5000


class Broken(AssertionError):
    """A promise that was not kept."""


class Lost(Broken):
    """Something acknowledged is not there."""


def _reason(listing):
    values = listing["values"]
    return values[0]["reason"] if values else ""


def check_listings(writers, listings):
    """Every acknowledged change is there and no batch is there by half."""
    found = {}
    for listing in listings:
        found[(listing["source"], listing["target"])] = _reason(listing)
    for writer in writers:
        mine = {}
        for target in writer.targets():
            reason = found.pop((writer.source, target), None)
            if reason is not None:
                mine[target] = (
                    "listed" if writer.source == "feed" else reason)
        right = writer.outcomes()
        if mine not in right:
            raise Lost(_difference(writer, mine, right))
        writer.settle(mine)
    if found:
        raise Broken("listings that nobody made: %s" % sorted(found)[:10])


def _difference(writer, mine, right):
    lines = ["%s: the store holds neither what was acknowledged nor what was "
             "under way:" % writer.name]
    for name, state in zip(("acknowledged", "with the request under way"),
                           right):
        differing = [t for t in sorted(set(mine) | set(state))
                     if mine.get(t) != state.get(t)]
        lines.append("  %s: %d of %d targets differ, such as" % (
            name, len(differing), len(writer.targets())))
        for target in differing[:5]:
            lines.append("    %s: found %r, want %r" % (
                target, mine.get(target), state.get(target)))
    return "\n".join(lines)


def check_sequences(audit, acknowledged, stats_sequence, floor):
    """No sequence is missing between `floor` and now, and none is used twice
    for different acknowledged requests."""
    for sequence in acknowledged:
        if sequence > stats_sequence:
            raise Lost("acknowledged sequence %d is lost; the store is at %d"
                       % (sequence, stats_sequence))
    seen = sorted({entry["sequence"] for entry in audit
                   if entry["sequence"] > floor})
    want = list(range(floor + 1, stats_sequence + 1))
    if seen != want:
        missing = sorted(set(want) - set(seen))
        extra = sorted(set(seen) - set(want))
        raise Broken("sequences after %d up to %d: missing %s, too many %s"
                     % (floor, stats_sequence, missing[:10], extra[:10]))


def _is_listed(networks, address):
    """By the only prefix lengths that the writers use."""
    bits = address.max_prefixlen
    for length in (bits, bits - 8):
        network = ipaddress.ip_network((int(address), length), strict=False) \
            if address.version == 4 else ipaddress.IPv6Network(
                (int(address), length), strict=False)
        if network in networks:
            return True
    return False


def check_index(rbld, writers, listings):
    """DNS answers for every target as a full scan of the store says."""
    networks, names = set(), set()
    for listing in listings:
        try:
            networks.add(ipaddress.ip_network(listing["target"]))
        except ValueError:
            names.add(listing["target"])
    asked = {}
    for writer in writers:
        for target in writer.targets():
            try:
                network = ipaddress.ip_network(target)
            except ValueError:
                asked["%s.%s" % (target, rbld.zone)] = target in names
                continue
            for address in {network[0], network[-1]}:
                asked[dns_client.reversed_name(address, rbld.zone)] = \
                    _is_listed(networks, address)
    asker = dns_client.ManyAsker(rbld.server)
    try:
        for name, answer in asker.ask_all(asked):
            listed = bool(answer.values(dns_client.A))
            if listed != asked[name]:
                raise Broken("DNS says that %s is %slisted, the store says "
                             "the opposite" % (name, "" if listed else "not "))
    finally:
        asker.close()
    return len(asked)


def check_all(rbld, writers, floor):
    """Checks everything; returns (sequence now, listings, names asked)."""
    client = control.Control(rbld.socket_path)
    try:
        listings = list(client.listings(LIST))
        audit = client.request("GET", "/v1/audit",
                               query={"limit": AUDIT_PAGE})["entries"]
        sequence = client.request("GET", "/v1/status")["store"]["sequence"]
    finally:
        client.close()
    acknowledged = [s for w in writers for s in w.sequences]
    check_sequences(audit, acknowledged, sequence, floor)
    check_listings(writers, listings)
    asked = check_index(rbld, writers, listings)
    return sequence, len(listings), asked
