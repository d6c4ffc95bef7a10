"""OpenSMTPD, open, closed, or trusting whoever claims to be local.

Its folders are compiled in, so each has a view of the file system of its own.
"""

import os

from tests.relay import lab

# It cannot be installed beside Postfix; scripts/setup.sh unpacks it here.
FOLDER = "/usr/local/lib/rbld-test/opensmtpd"
PROGRAM = FOLDER + "/usr/sbin/smtpd"

_CONF = """\
listen on %(address)s port %(port)d hostname relay.test
action "out" relay host smtp://%(catcher)s:%(port)d src %(address)s
action "in" maildir "%(dir)s/mail"
%(match)s
"""

_KINDS = {
    "open": 'match from any for any action "out"',
    "closed": 'match from any for domain "relay.test" action "in"',
    "local-sender": 'match from any mail-from "@relay.test" for any '
                    'action "out"',
}

# What the package would have made, and users that it knows by name.
_VIEW = """\
set -e
cd "$1"
mount --bind passwd /etc/passwd
mount --bind group /etc/group
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /var/spool
mount -t tmpfs -o mode=755 none /var/lib
mount --bind %(folder)s/usr/libexec /usr/libexec
mkdir -p /var/lib/opensmtpd/empty
mkdir -m 711 /var/spool/smtpd
for folder in corrupt incoming offline purge queue temporary; do
  mkdir -m 700 /var/spool/smtpd/$folder
  chown opensmtpq /var/spool/smtpd/$folder
done
chmod 770 /var/spool/smtpd/offline
chown root:opensmtpq /var/spool/smtpd/offline
exec %(program)s -d -f smtpd.conf
"""


class OpenSmtpd(lab.Server):
    """What it relays goes to the catcher."""

    name = "OpenSMTPD"

    def __init__(self, scratch, kind, address):
        super().__init__(scratch, address)
        for name, lines in (
                ("passwd", "opensmtpd:x:64997:64997::/:/bin/false\n"
                           "opensmtpq:x:64996:64996::/:/bin/false\n"),
                ("group", "opensmtpd:x:64997:\nopensmtpq:x:64996:\n")):
            with open("/etc/" + name) as text:
                self._write(name, text.read() + lines)
        self._write("view.sh", _VIEW % {"folder": FOLDER, "program": PROGRAM})
        self.configure(kind)

    def _write(self, name, text):
        path = self.scratch.write(
            os.path.basename(self.dir) + "/" + name, text)
        os.chmod(path, 0o600 if name.endswith(".conf") else 0o644)

    def configure(self, kind):
        self._write("smtpd.conf", _CONF % {
            "dir": self.dir, "address": self.address, "port": lab.PORT,
            "catcher": lab.TESTER, "match": _KINDS[kind]})

    def argv(self):
        return ["unshare", "--mount", "sh", os.path.join(self.dir, "view.sh"),
                self.dir]
