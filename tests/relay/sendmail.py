"""sendmail, as it comes, or relaying for everybody."""

import os
import subprocess

from tests.relay import lab

# It cannot be installed beside Postfix; scripts/setup.sh unpacks it here.
PROGRAM = "/usr/local/lib/rbld-test/sendmail-bin/usr/libexec/sendmail/sendmail"
_MACROS = "/usr/local/lib/rbld-test/sendmail-cf/usr/share/sendmail/cf/"

_MC = """\
include(`%(macros)sm4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `relay.test')dnl
define(`confCR_FILE', `-o %(dir)s/relay-domains')dnl
define(`confCW_FILE', `-o %(dir)s/local-host-names')dnl
define(`confCT_FILE', `-o %(dir)s/trusted-users')dnl
define(`confPID_FILE', `%(dir)s/pid')dnl
define(`QUEUE_DIR', `%(dir)s/queue')dnl
define(`STATUS_FILE', `%(dir)s/statistics')dnl
define(`HELP_FILE', `%(dir)s/help')dnl
define(`ALIAS_FILE', `')dnl
define(`SMART_HOST', `esmtp:[%(catcher)s]')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupReadableKeyFile')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
FEATURE(`no_default_msa')dnl
%(features)s
CLIENT_OPTIONS(`Family=inet, Addr=%(address)s')dnl
DAEMON_OPTIONS(`Family=inet, Addr=%(address)s, Port=%(port)d, Name=MTA')dnl
MAILER(`smtp')dnl
"""

_KINDS = {
    "promiscuous": "FEATURE(`promiscuous_relay')dnl",
    "default": "dnl",
}


class Sendmail(lab.Server):
    """What it relays goes to the catcher."""

    name = "sendmail"

    def __init__(self, scratch, kind, address):
        super().__init__(scratch, address)
        os.mkdir(os.path.join(self.dir, "queue"), mode=0o700)
        self.configure(kind)

    def configure(self, kind):
        macros = _MC % {"macros": _MACROS, "dir": self.dir,
                        "catcher": lab.TESTER, "address": self.address,
                        "port": lab.PORT, "features": _KINDS[kind]}
        text = subprocess.run(
            ["m4", "-D_CF_DIR_=" + _MACROS, "-"], input=macros,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            check=True).stdout
        self._config = self.scratch.write(
            os.path.basename(self.dir) + "/sendmail.cf", text)
        os.chmod(self._config, 0o644)

    def argv(self):
        return [PROGRAM, "-bD", "-q10s", "-C", self._config]
