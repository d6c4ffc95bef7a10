"""Postfix, open, closed, or trusting whoever claims to be local."""

import os
import shutil
import subprocess

from tests.harness import daemon
from tests.relay import lab

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
myhostname = relay.test
mydestination = relay.test
mynetworks =
inet_interfaces = all
inet_protocols = ipv4
smtp_bind_address = %(address)s
smtp_address_preference = ipv4
smtp_tcp_port = %(port)d
relayhost = [%(catcher)s]
disable_dns_lookups = yes
smtputf8_enable = no
alias_maps =
alias_database =
local_recipient_maps =
local_transport = discard:
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_relay_restrictions = %(restrictions)s
%(more)s
"""

_TLS = """\
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = %s
"""

_MASTER_CF = """\
%(address)s:%(port)d inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
"""

_KINDS = {
    # Postfix refuses to start with "permit" alone.
    "open": "check_client_access static:OK, reject_unauth_destination",
    # Takes no MAIL without TLS.
    "open, TLS only": "check_client_access static:OK, "
                      "reject_unauth_destination",
    "closed": "reject_unauth_destination",
    "local-sender": "check_sender_access inline:{{relay.test=OK}}, "
                    "reject_unauth_destination",
}


class Postfix(lab.Server):
    """What it relays goes to the catcher."""

    name = "Postfix"

    def __init__(self, scratch, kind, address):
        super().__init__(scratch, address)
        for name in ("etc", "spool", "data"):
            os.mkdir(os.path.join(self.dir, name))
        shutil.chown(os.path.join(self.dir, "data"), "postfix")
        self.configure(kind)

    def configure(self, kind):
        values = {"dir": self.dir, "address": self.address, "port": lab.PORT,
                  "catcher": lab.TESTER, "restrictions": _KINDS[kind],
                  "more": ""}
        if "TLS" in kind:
            values["more"] = _TLS % self._certificate()
        folder = os.path.basename(self.dir)
        self.scratch.write(folder + "/etc/main.cf", _MAIN_CF % values)
        self.scratch.write(folder + "/etc/master.cf", _MASTER_CF % values)

    def _certificate(self):
        """A key and its own signature, in one file."""
        path = os.path.join(self.dir, "tls.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-keyout", path, "-out", path + ".crt", "-days", "2", "-subj",
             "/CN=relay.test"], check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        with open(path, "a") as out, open(path + ".crt") as certificate:
            out.write(certificate.read())
        return path

    def _command(self, *args):
        return [daemon.find_program("postfix"), "-c",
                os.path.join(self.dir, "etc")] + list(args)

    def argv(self):
        return self._command("start-fg")

    def log(self):
        with open(os.path.join(self.dir, "mail.log")) as log:
            return log.read()

    def stop(self):
        subprocess.run(self._command("stop"), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        super().stop()


_CATCHER_CF = """
mydestination =
relayhost =
virtual_mailbox_domains = %(domain)s
virtual_mailbox_maps = static:taken
virtual_transport = rbl
rbl_destination_recipient_limit = 1
"""

_CATCHER_MASTER_CF = """\
rbl unix - n n - - pipe flags=q user=nobody
  argv=%(deliver)s --control=%(socket)s --client=${client_address}
  -- ${recipient}
"""


class Catcher(Postfix):
    """Receives the mail of our domain, and gives it to rbl-deliver."""

    name = "Postfix with rbl-deliver"

    def __init__(self, scratch, address, control_socket):
        self._socket = control_socket
        # Where the user that runs it can reach it.
        self._deliver = scratch.join("rbl-deliver")
        shutil.copy(lab.deliver_path(), self._deliver)
        super().__init__(scratch, "closed", address)

    def configure(self, kind):
        super().configure(kind)
        etc = os.path.join(self.dir, "etc")
        with open(os.path.join(etc, "main.cf"), "a") as out:
            out.write(_CATCHER_CF % {"domain": lab.DOMAIN})
        with open(os.path.join(etc, "master.cf"), "a") as out:
            out.write(_CATCHER_MASTER_CF % {"deliver": self._deliver,
                                            "socket": self._socket})
