"""A real Postfix refuses whom rbld lists: reject_rbl_client and postscreen."""

import concurrent.futures
import os
import pwd
import shutil
import subprocess
import time

from tests.clients import lists
from tests.harness import daemon

# Ports.
SMTPD = 25
POSTSCREEN = 26

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
smtpd_relay_restrictions = reject_unauth_destination
# One session for each process: Postfix keeps list answers while it lives.
max_use = 1
smtpd_client_restrictions = reject_rbl_client %(zen)s=127.0.0.[2..11]
# The first site counts once, whatever number of its codes match. The third
# asks for codes that no listing has.
postscreen_dnsbl_action = enforce
postscreen_dnsbl_threshold = 3
postscreen_dnsbl_sites = %(zen)s=127.0.0.[2..11]*3
    %(zen)s=127.0.0.4*2
    %(bits)s=127.0.0.[2;8]*3
    %(allow)s=127.0.[0..255].[1..3]*-2
"""

_MASTER_CF = """\
127.0.0.1:%(smtpd)d inet n - n - - smtpd
127.0.0.1:%(postscreen)d inet n - n - 1 postscreen
smtpd pass - - n - - smtpd -o smtpd_client_restrictions=
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
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


class Postfix:
    """Listens with smtpd at one port and with postscreen at another."""

    def __init__(self, scratch):
        self.dir = scratch.join("postfix")
        for name in ("etc", "spool", "data"):
            os.makedirs(os.path.join(self.dir, name))
        shutil.chown(os.path.join(self.dir, "data"), "postfix")
        values = {"dir": self.dir, "smtpd": SMTPD, "postscreen": POSTSCREEN,
                  "zen": lists.ZEN, "bits": lists.BITS, "allow": lists.ALLOW}
        scratch.write("postfix/etc/main.cf", _MAIN_CF % values)
        scratch.write("postfix/etc/master.cf", _MASTER_CF % values)
        self._out = scratch.join("postfix.out")
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
        self.program = daemon.Program(self._command("start-fg"), self._out)
        for port in (SMTPD, POSTSCREEN):
            daemon.wait_until("Postfix", lambda: lists.listens(port),
                              self.program)
        return self

    def __exit__(self, *unused):
        subprocess.run(self._command("stop"), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        if self.program.running():
            self.program.stop()


class PostfixTest(lists.ListsTest):

    @classmethod
    def why_not(cls):
        if not daemon.find_program("postfix"):
            return "postfix is not installed (scripts/packages.txt)"
        try:
            pwd.getpwnam("postfix")
        except KeyError:
            return "there is no user postfix"
        return None

    @classmethod
    def start(cls):
        cls.postfix = cls.enterClassContext(Postfix(cls.scratch))

    def assert_refused(self, reply, code, *texts):
        self.assertEqual(reply[0], code, reply[1] + self.postfix.log())
        for text in texts:
            self.assertIn(text, reply[1])

    def assert_accepted(self, reply):
        self.assertEqual(reply[0], 250, reply[1] + self.postfix.log())
        self.assertIn("queued", reply[1])

    def assert_logged(self, text):
        daemon.wait_until("%r in Postfix's log" % text,
                          lambda: text in self.postfix.log())

    def test_smtpd_refuses_a_listed_client_until_it_is_removed(self):
        self.assert_refused(
            lists.deliver(lists.IN_XBL, SMTPD), 554,
            "Client host [192.0.2.4] blocked using zen.rbld.test; "
            "Infected host, see https://xbl.rbld.test/lookup?192.0.2.4")
        self.assert_accepted(lists.deliver(lists.UNLISTED, SMTPD))

        self.rbld.ctl_json("remove", "--list", "xbl", lists.IN_XBL)
        time.sleep(lists.TTL_SECONDS + 1)
        self.assert_accepted(lists.deliver(lists.IN_XBL, SMTPD))

    def test_postscreen_adds_up_the_weights_of_the_codes(self):
        clients = [lists.IN_SBL, lists.IN_SBL_AND_XBL, lists.IN_BITS,
                   lists.IN_SBL_AND_ALLOW, lists.UNLISTED]
        # At the same time, as postscreen lets each wait for some seconds.
        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            replies = dict(zip(clients, pool.map(
                lambda client: lists.deliver(client, POSTSCREEN), clients)))

        for client, rank in ((lists.IN_SBL, 3), (lists.IN_SBL_AND_XBL, 5)):
            self.assert_refused(replies[client], 550, "client [%s] blocked "
                                "using zen.rbld.test" % client)
            self.assert_logged("DNSBL rank %d for [%s]" % (rank, client))
        for client in (lists.IN_BITS, lists.IN_SBL_AND_ALLOW, lists.UNLISTED):
            self.assert_accepted(replies[client])
        # Those two were found, and yet let in.
        for client, zone, code in (
                (lists.IN_BITS, lists.BITS, "127.0.0.10"),
                (lists.IN_SBL_AND_ALLOW, lists.ALLOW, "127.0.4.2")):
            self.assert_logged("addr %s listed by domain %s as %s"
                               % (client, zone, code))


if __name__ == "__main__":
    lists.main()
