"""A DNS client of its own for the tests: it shares no code with the server.

Only what the tests ask: queries with and without EDNS, over UDP and TCP, and
answers as plain values.
"""

import ipaddress
import random
import socket
import struct

A = 1
NS = 2
SOA = 6
PTR = 12
MX = 15
TXT = 16
AAAA = 28
OPT = 41
ANY = 255

# The RD bit, for asking resolvers.
RD = 0x0100

NOERROR = 0
FORMERR = 1
SERVFAIL = 2
NXDOMAIN = 3
NOTIMP = 4
REFUSED = 5

RCODE_NAMES = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP",
    5: "REFUSED",
}


class Record:
    """One resource record; `value` is text for the types we know."""

    def __init__(self, owner, rtype, rclass, ttl, value):
        self.owner = owner
        self.type = rtype
        self.rclass = rclass
        self.ttl = ttl
        self.value = value

    def __repr__(self):
        return "%s %d %d %r" % (self.owner, self.ttl, self.type, self.value)


class Response:
    """A parsed message. `truncated` is the TC bit, `authoritative` the AA."""

    def __init__(self):
        self.id = 0
        self.flags = 0
        self.question = None
        self.answer = []
        self.authority = []
        self.additional = []
        self.size_bytes = 0

    @property
    def rcode(self):
        return self.flags & 15

    @property
    def rcode_name(self):
        return RCODE_NAMES.get(self.rcode, str(self.rcode))

    @property
    def truncated(self):
        return bool(self.flags & 0x0200)

    @property
    def authoritative(self):
        return bool(self.flags & 0x0400)

    def values(self, rtype):
        """The sorted values of that type in the answer section."""
        return sorted(r.value for r in self.answer if r.type == rtype)


def encode_name(name):
    wire = b""
    for label in name.rstrip(".").split("."):
        if not label:
            continue
        raw = label.encode("latin-1")
        if len(raw) > 63:
            raise ValueError("label too long: %r" % label)
        wire += bytes([len(raw)]) + raw
    return wire + b"\0"


def build_query(name, rtype=A, query_id=None, edns_size=None, flags=0):
    if query_id is None:
        query_id = random.getrandbits(16)
    wire = struct.pack("!6H", query_id, flags, 1, 0, 0,
                       0 if edns_size is None else 1)
    wire += encode_name(name) + struct.pack("!2H", rtype, 1)
    if edns_size is not None:
        wire += b"\0" + struct.pack("!HHIH", OPT, edns_size, 0, 0)
    return wire


def _read_name(wire, at):
    labels = []
    end = None
    hops = 0
    while True:
        length = wire[at]
        if length >= 0xC0:
            if end is None:
                end = at + 2
            at = struct.unpack_from("!H", wire, at)[0] & 0x3FFF
            hops += 1
            if hops > 64:
                raise ValueError("pointer loop")
            continue
        if length > 63:
            raise ValueError("label type %#x" % length)
        at += 1
        if length == 0:
            break
        labels.append(wire[at:at + length].decode("latin-1"))
        if len(labels[-1]) != length:
            raise ValueError("label past the end")
        at += length
    return ".".join(labels) or ".", end if end is not None else at


def _value(wire, at, length, rtype):
    data = wire[at:at + length]
    if rtype == A and length == 4:
        return str(ipaddress.IPv4Address(data))
    if rtype == AAAA and length == 16:
        return str(ipaddress.IPv6Address(data))
    if rtype == TXT:
        parts, i = [], 0
        while i < length:
            size = data[i]
            parts.append(data[i + 1:i + 1 + size])
            i += 1 + size
        if i != length:
            raise ValueError("TXT strings do not fill the rdata")
        return b"".join(parts).decode("utf-8", "replace")
    if rtype in (NS, PTR):
        return _read_name(wire, at)[0]
    if rtype == MX:
        return "%d %s" % (struct.unpack_from("!H", data)[0],
                          _read_name(wire, at + 2)[0])
    if rtype == SOA:
        mname, i = _read_name(wire, at)
        rname, i = _read_name(wire, i)
        return (mname, rname) + struct.unpack_from("!5I", wire, i)
    return data


def parse(wire):
    """Raises ValueError, struct.error or IndexError for what is malformed."""
    response = Response()
    response.size_bytes = len(wire)
    (response.id, response.flags, questions, answers, authorities,
     additionals) = struct.unpack_from("!6H", wire)
    at = 12
    for _ in range(questions):
        name, at = _read_name(wire, at)
        response.question = (name,) + struct.unpack_from("!2H", wire, at)
        at += 4
    for section, count in ((response.answer, answers),
                           (response.authority, authorities),
                           (response.additional, additionals)):
        for _ in range(count):
            owner, at = _read_name(wire, at)
            rtype, rclass, ttl, length = struct.unpack_from("!HHIH", wire, at)
            at += 10
            if at + length > len(wire):
                raise ValueError("rdata past the end")
            section.append(Record(owner, rtype, rclass, ttl,
                                  _value(wire, at, length, rtype)))
            at += length
    if at != len(wire):
        raise ValueError("%d bytes after the message" % (len(wire) - at))
    return response


def ask(server, name, rtype=A, tcp=False, edns_size=None, timeout_seconds=3.0,
        flags=0):
    """Asks once. `server` is (address, port). Raises OSError on a timeout."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    query_id = random.getrandbits(16)
    query = build_query(name, rtype, query_id, edns_size, flags)
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(family, kind) as sock:
        sock.settimeout(timeout_seconds)
        sock.connect(server)
        if tcp:
            sock.sendall(struct.pack("!H", len(query)) + query)
            length = struct.unpack("!H", _receive_exactly(sock, 2))[0]
            wire = _receive_exactly(sock, length)
        else:
            sock.send(query)
            wire = sock.recv(65535)
    response = parse(wire)
    if response.id != query_id:
        raise ValueError("answer to another query")
    return response


def _receive_exactly(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise ConnectionError("closed after %d of %d bytes"
                                  % (len(data), count))
        data += part
    return data


def reversed_name(address, zone):
    """The name under which a list is asked for an address (RFC 5782 §2)."""
    address = ipaddress.ip_address(address)
    if address.version == 4:
        labels = str(address).split(".")
    else:
        labels = list(address.exploded.replace(":", ""))
    return ".".join(reversed(labels)) + "." + zone


class ManyAsker:
    """Asks many names over one UDP socket, a window at a time.

    ask_all yields (name, Response) in the order of the names; a name that gets
    no answer is asked again up to `tries` times.
    """

    WINDOW = 100

    def __init__(self, server, timeout_seconds=2.0, tries=3):
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.connect(server)
        self._socket.settimeout(timeout_seconds)
        self._tries = tries

    def close(self):
        self._socket.close()

    def ask_all(self, names, rtype=A):
        names = list(names)
        for start in range(0, len(names), self.WINDOW):
            window = names[start:start + self.WINDOW]
            found = {}
            for _ in range(self._tries):
                missing = [i for i in range(len(window)) if i not in found]
                if not missing:
                    break
                self._ask_window(window, missing, rtype, found)
            for i, name in enumerate(window):
                if i not in found:
                    raise TimeoutError("no answer for %s" % name)
                yield name, found[i]

    def _ask_window(self, window, missing, rtype, found):
        for i in missing:
            self._socket.send(build_query(window[i], rtype, i))
        waiting = set(missing)
        try:
            while waiting:
                response = parse(self._socket.recv(65535))
                i = response.id
                if i in waiting and response.question and \
                        response.question[0].lower() == window[i].lower():
                    found[i] = response
                    waiting.discard(i)
        except socket.timeout:
            pass
