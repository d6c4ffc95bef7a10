"""A Postfix and an unbound with configurations of their own."""

import os
import pwd
import shutil
import smtplib
import subprocess

from tests.harness import daemon

_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = %(dir)s/spool
data_directory = %(dir)s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = %(dir)s/mail.log
maillog_file_prefixes = %(dir)s
myhostname = mx.example.net
mydestination = example.net
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtputf8_enable = no
alias_maps =
alias_database =
local_recipient_maps =
local_transport = discard:
default_transport = discard:
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_client_restrictions = reject_rbl_client %(zone)s
smtpd_relay_restrictions = reject_unauth_destination
# One session for each process: Postfix keeps list answers while it lives.
max_use = 1
"""

_MASTER_CF = """\
127.0.0.1:%(port)d inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
pickup unix n - n 60 1 pickup
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
"""


def why_no_postfix():
    """None, or why Postfix cannot run here."""
    if not daemon.find_program("postfix"):
        return "postfix is not installed (scripts/packages.txt)"
    if os.geteuid() != 0:
        return "Postfix runs only when root starts it"
    try:
        pwd.getpwnam("postfix")
    except KeyError:
        return "there is no user postfix"
    return None


class Postfix:
    """Listens on 127.0.0.1:port and refuses who is listed in `zone`.

    `scratch` must be a folder that others may enter (mode 0755).
    """

    def __init__(self, scratch, zone):
        self.dir = scratch.join("postfix")
        self.port = daemon.free_port()
        for name in ("etc", "spool", "data"):
            os.makedirs(os.path.join(self.dir, name))
        shutil.chown(os.path.join(self.dir, "data"), "postfix")
        values = {"dir": self.dir, "port": self.port, "zone": zone}
        scratch.write("postfix/etc/main.cf", _MAIN_CF % values)
        scratch.write("postfix/etc/master.cf", _MASTER_CF % values)
        self._scratch = scratch
        self.program = None

    def _command(self, *args):
        return [daemon.find_program("postfix"), "-c",
                os.path.join(self.dir, "etc")] + list(args)

    def log(self):
        try:
            with open(os.path.join(self.dir, "mail.log")) as text:
                return text.read()
        except OSError:
            return ""

    def __enter__(self):
        self.program = daemon.Program(self._command("start-fg"),
                                      self._scratch.join("postfix.out"))
        daemon.wait_until("Postfix's banner", self._answers, self.program)
        return self

    def _answers(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    def __exit__(self, *unused):
        subprocess.run(self._command("stop"), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        if self.program.running():
            self.program.stop()

    def deliver(self, client_address, recipient="someone@example.net"):
        """Sends a mail as if from `client_address`.

        Returns (code, text) of the first refusal, or of the accepted message.
        """
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("client.example.org")
            for command in (
                    "XCLIENT NAME=client.example.org ADDR=" + client_address,
                    "EHLO client.example.org",
                    "MAIL FROM:<sender@example.org>",
                    "RCPT TO:<%s>" % recipient,
                    "DATA"):
                code, text = client.docmd(command)
                if code >= 400:
                    return code, text.decode("utf-8", "replace")
            client.send("Subject: test\r\n\r\nHello\r\n.\r\n")
            code, text = client.getreply()
            return code, text.decode("utf-8", "replace")


_UNBOUND_CONF = """\
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
  # unbound answers for "test." itself unless told otherwise (RFC 6761).
  local-zone: "test." nodefault
  # Nothing that it is asked here leaves the machine.
  local-zone: "example.net." static
  local-zone: "example.org." static
  access-control: 127.0.0.0/8 allow
remote-control:
  control-enable: no
%(kind)s-zone:
  name: "%(zone)s"
  %(kind)s-addr: 127.0.0.1@%(upstream)d
"""


class Unbound:
    """A resolver that gets `zone` from 127.0.0.1:upstream_port.

    kind "forward": it forwards; "stub": it asks as it asks any authority, with
    minimised names (RFC 9156); `strict`: it takes an NXDOMAIN on the way for
    what it says.
    """

    def __init__(self, scratch, zone, upstream_port, address="127.0.0.1",
                 port=None, kind="forward", strict=False):
        self.address = address
        self.port = port or daemon.free_port()
        self._config = scratch.write("unbound.conf", _UNBOUND_CONF % {
            "address": address, "port": self.port, "dir": scratch.path,
            "zone": zone, "upstream": upstream_port, "kind": kind,
            "strict": "yes" if strict else "no"})
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
