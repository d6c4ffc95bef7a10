"""From exec to the first right answer, with the page cache warm.

A prober asks every millisecond or so, from before the exec, names whose answers
are known. After the first right one many more must be right at once.
"""

import select
import signal
import socket
import threading
import time

from tests.bench import bench
from tests.harness import control
from tests.harness import dns_client

ASK_EVERY_SECONDS = 0.001
# Slow servers are not started again after so long in all.
ENOUGH_SECONDS = 180
GIVE_UP_SECONDS = 1800
CHANGES_IN_A_REQUEST = 1000
CONNECTIONS = 8
VERIFIED = 100


class Prober:
    """Asks `wanted`, {name: whether it is listed}, until all were right.

    `first_right`: when the last of them was right for the first time.
    """

    def __init__(self, server, wanted):
        self._server = server
        self._queries = {}
        for number, (name, listed) in enumerate(wanted.items(), 1):
            self._queries[number] = (
                dns_client.build_query(name, query_id=number), listed)
        self._stopping = False
        self._right = {}
        self.asked = 0
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def first_right(self):
        return max(self._right.values())

    def _run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(self._server)
            sock.setblocking(False)
            while not self._stopping and not self.done.is_set():
                for number, (query, _) in self._queries.items():
                    if number not in self._right:
                        self._send(sock, query)
                self._receive(sock, time.monotonic() + ASK_EVERY_SECONDS)

    def _send(self, sock, query):
        try:
            sock.send(query)
            self.asked += 1
        except OSError:
            pass  # nobody has the port yet

    def _receive(self, sock, until):
        while not self.done.is_set():
            left = until - time.monotonic()
            if left <= 0:
                return
            try:
                if not select.select([sock], [], [], left)[0]:
                    return
                answer = sock.recv(4096)
            except OSError:
                time.sleep(max(0, until - time.monotonic()))
                return
            self._look(answer, time.monotonic())

    def _look(self, answer, now):
        number = int.from_bytes(answer[:2], "big")
        if number not in self._queries or number in self._right:
            return
        rcode, found = answer[3] & 15, answer[6:8] != b"\0\0"
        listed = self._queries[number][1]
        if (rcode == dns_client.NOERROR and found) if listed else (
                rcode == dns_client.NXDOMAIN):
            self._right[number] = now
            if len(self._right) == len(self._queries):
                self.done.set()

    def stop(self):
        self._stopping = True
        self._thread.join()


def verify(server, wanted):
    """All of {name: listed} must be right at the first question."""
    asker = dns_client.ManyAsker(server.server)
    try:
        for name, answer in asker.ask_all(wanted):
            if bool(answer.values(dns_client.A)) != wanted[name]:
                raise RuntimeError("%s after its start: %s is %s" % (
                    server.name, name, answer.rcode_name))
    finally:
        asker.close()


def timed(server, wanted):
    """Starts it; seconds to the first right answer."""
    some = dict(list(wanted.items())[:2])
    prober = Prober(server.server, some)
    try:
        time.sleep(0.05)
        before = time.monotonic()
        server.spawn()
        while not prober.done.wait(0.5):
            if not server.program.running():
                raise RuntimeError("%s ended while it started:\n%s" % (
                    server.name, server.program.log()))
            if time.monotonic() - before > GIVE_UP_SECONDS:
                raise RuntimeError("%s did not answer for %d s" % (
                    server.name, GIVE_UP_SECONDS))
        seconds = prober.first_right - before
    finally:
        prober.stop()
    verify(server, wanted)
    server.wait_ready()
    return seconds


def names(addresses, listed):
    return {bench.address_name(a): listed for a in addresses}


def after_a_clean_stop(server, rounds):
    """[seconds], fewer of them when they are long."""
    wanted = names(server.files.listed(VERIFIED), True)
    found, began = [], time.monotonic()
    for _ in range(rounds):
        server.end()
        server.warm()
        found.append(timed(server, wanted))
        print("  %s answers %.3f s after exec" % (server.name, found[-1]),
              flush=True)
        if time.monotonic() - began > ENOUGH_SECONDS:
            break
    return found


def change_many(rbld, addresses, verb):
    """Each a single change in a batch; several connections at a time."""
    batches = [addresses[i:i + CHANGES_IN_A_REQUEST]
               for i in range(0, len(addresses), CHANGES_IN_A_REQUEST)]
    failed = []

    def work(mine):
        client = control.Control(rbld.socket_path)
        try:
            for batch in mine:
                client.change([{"verb": verb, "list": "relays", "target": one}
                               for one in batch])
        except Exception as error:  # told by the thread that waits
            failed.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=work, args=(batches[i::CONNECTIONS],))
               for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def after_a_kill(server, rounds):
    """rbld only: [seconds] after 100,000 changes and kill -9, each time after
    a clean start. The changes are additions and, next time, their removal."""
    changed = server.files.changes()
    found = []
    for one in range(rounds):
        adds = one % 2 == 0
        server.end()
        server.start()
        began = time.monotonic()
        change_many(server.rbld, changed, "add" if adds else "remove")
        took = time.monotonic() - began
        server.end(signal.SIGKILL)
        server.warm()
        # Of the changes too; the first two are what the prober asks.
        some = changed[-1:] + changed[::len(changed) // VERIFIED]
        wanted = names(server.files.listed(1), True)
        wanted.update(names(some, adds))
        found.append(timed(server, wanted))
        print("  %s answers %.3f s after exec, killed after %d changes in "
              "%.1f s" % (server.name, found[-1], len(changed), took),
              flush=True)
    if rounds % 2:
        change_many(server.rbld, changed, "remove")
    return found
