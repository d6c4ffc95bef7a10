"""The sink: a mail server for many test sessions at once (smtp_sink.cc)."""

import socket
import struct

from tests.harness import daemon


class Sink:
    """It has all addresses of its host, a namespace.Host, or of ours."""

    FIELDS = ("accepted", "open", "most_open", "refused", "whole")

    def __init__(self, scratch, port, delay_milliseconds=0, host=None,
                 cpu=None):
        self._counters = scratch.join("sink.counters")
        argv = [daemon.runfile("tests/bench/smtp_sink"), str(port),
                str(delay_milliseconds), self._counters]
        self.program = daemon.Program(host.command(argv) if host else argv,
                                      scratch.join("sink.log"), cpu=cpu)
        where = (host.address if host else "127.0.0.1", port)
        daemon.wait_until("the sink", lambda: self._listens(where),
                          self.program)
        daemon.wait_until("the end of that session", self._was_left,
                          self.program)

    def _listens(self, where):
        try:
            socket.create_connection(where, 5).close()
        except OSError:
            return False
        return True

    def _was_left(self):
        counts = self.counts()
        return counts["accepted"] > 0 and counts["open"] == 0

    def counts(self):
        size = 8 * len(self.FIELDS)
        with open(self._counters, "rb") as counters:
            return dict(zip(self.FIELDS, struct.unpack(
                "=%dQ" % len(self.FIELDS), counters.read(size))))
