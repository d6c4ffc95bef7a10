"""Exim, open, closed, or with one weakness each."""

import os
import shutil

from tests.relay import lab

# Exim cannot be installed beside Postfix; scripts/setup.sh unpacks it here.
PROGRAM = "/usr/local/lib/rbld-test/exim4-daemon-light/usr/sbin/exim4"

_CONF = """\
exim_path = %(program)s
spool_directory = %(dir)s
log_file_path = %(dir)s/%%slog
pid_file_path = %(dir)s/pid
primary_hostname = %(host)s
daemon_smtp_ports = %(port)d
local_interfaces = %(address)s
host_lookup =
tls_advertise_hosts =
smtp_accept_max_nonmail = 100
domainlist local_domains = %(host)s
acl_smtp_rcpt = rcpt
acl_smtp_data = data

begin acl

rcpt:
%(acl)s

data:
  accept

begin routers

%(routers)s
away:
  driver = manualroute
  domains = ! +local_domains
  route_list = * %(catcher)s
  self = send
  transport = out

local:
  driver = redirect
  data = :blackhole:

begin transports

out:
  driver = smtp
  port = %(port)d
  interface = %(address)s
  hosts_try_fastopen =

begin retry

* * F,1h,1s
"""

_NO_ODD_NAMES = "  deny local_parts = ^[.] : ^.*[@%!/|]\n"
_LOCAL_ONLY = "  accept domains = +local_domains\n  deny\n"
_REDIRECT = """\
weak:
  driver = redirect
  domains = +local_domains
  local_parts = %s
  data = %s

"""

# name: (ACL for RCPT, routers before the usual ones).
_KINDS = {
    "open": ("  accept\n", ""),
    "closed": (_NO_ODD_NAMES + _LOCAL_ONLY, ""),
    # 250 to the percent, quoted and bang forms, and relays none of them.
    "noisy": (_LOCAL_ONLY, ""),
    "percent": (_LOCAL_ONLY,
                _REDIRECT % ("^.*%", r"${sg{$local_part}{%}{@}}")),
    "bang": (_LOCAL_ONLY, _REDIRECT % (
        "^.*!", r"${sg{$local_part}{\N^([^!]+)!(.+)$\N}{\$2@\$1}}")),
    "quoted": (_LOCAL_ONLY, _REDIRECT % ("^.*@", "$local_part")),
    "source-route": (
        r"  accept condition = ${if match{$smtp_command}{\N<@\N}}" + "\n" +
        _NO_ODD_NAMES + _LOCAL_ONLY, ""),
    "local-sender": (
        "  accept sender_domains = +local_domains\n" + _NO_ODD_NAMES +
        _LOCAL_ONLY, ""),
    "null-sender": (
        "  accept senders = :\n" + _NO_ODD_NAMES + _LOCAL_ONLY, ""),
}


class Exim(lab.Server):
    """What it relays goes to `next_hop`."""

    name = "Exim"

    def __init__(self, scratch, kind, address, next_hop=lab.TESTER):
        super().__init__(scratch, address)
        self._next_hop = next_hop
        self._config = self.dir + ".conf"
        shutil.chown(self.dir, "Debian-exim")
        self.configure(kind)

    def configure(self, kind):
        acl, routers = _KINDS[kind]
        with open(self._config, "w") as out:
            out.write(_CONF % {
                "program": PROGRAM, "dir": self.dir, "host": "relay.test",
                "port": lab.PORT, "address": self.address, "acl": acl,
                "routers": routers, "catcher": self._next_hop})
        os.chmod(self._config, 0o644)

    def argv(self):
        return [PROGRAM, "-bdf", "-q5s", "-C", self._config]


def accounts(scratch):
    """Exim knows its user by name; its package would have made that user."""
    files = {}
    for path, line in (
            ("/etc/passwd", "Debian-exim:x:64999:64999::/:/bin/false\n"),
            ("/etc/group", "Debian-exim:x:64999:\n")):
        with open(path) as text:
            ours = scratch.write(os.path.basename(path), text.read() + line)
        os.chmod(ours, 0o644)
        files[path] = ours
    return files
