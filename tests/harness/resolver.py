"""An unbound with a configuration of its own."""

from tests.harness import daemon

_CONF = """\
server:
  interface: %(address)s
  port: %(port)d
  do-daemonize: no
  use-syslog: no
  logfile: ""
  verbosity: 1
  username: ""
  chroot: ""
  directory: "%(dir)s"
  pidfile: ""
  do-ip6: no
  do-not-query-localhost: no
  module-config: "iterator"
  qname-minimisation: yes
  qname-minimisation-strict: %(strict)s
  # Nothing that it is asked here leaves the machine.
  local-zone: "." static
  access-control: 127.0.0.0/8 allow
%(server_keys)s
remote-control:
  control-enable: no
"""

_ZONE_CONF = """\
server:
  local-zone: "%(zone)s" transparent
%(kind)s-zone:
  name: "%(zone)s"
  %(kind)s-addr: 127.0.0.1@%(upstream)d
"""


class Unbound:
    """A resolver that gets `zones` from 127.0.0.1:upstream_port.

    kind "forward": it forwards; "stub": it asks as it asks any authority, with
    minimised names (RFC 9156); `strict`: it takes an NXDOMAIN on the way for
    what it says.
    """

    def __init__(self, scratch, zones, upstream_port, address="127.0.0.1",
                 port=None, kind="forward", strict=False, server_keys=""):
        self.address = address
        self.port = port or daemon.free_port()
        text = _CONF % {
            "address": address, "port": self.port, "dir": scratch.path,
            "strict": "yes" if strict else "no", "server_keys": server_keys}
        for zone in zones:
            text += _ZONE_CONF % {"zone": zone, "kind": kind,
                                  "upstream": upstream_port}
        self._config = scratch.write("unbound.conf", text)
        self._scratch = scratch
        self.program = None

    @property
    def server(self):
        return (self.address, self.port)

    def __enter__(self):
        self.program = daemon.Program(
            [daemon.find_program("unbound"), "-d", "-c", self._config],
            self._scratch.join("unbound.log"))
        daemon.wait_until(
            "unbound",
            lambda: daemon.answers(self.server, "localhost"), self.program)
        return self

    def __exit__(self, *unused):
        if self.program.running():
            self.program.stop()
