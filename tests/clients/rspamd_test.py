"""A real rspamd uses rbld's lists: codes, bits, and lists that it monitors.

rspamd asks each list now and then for what no list may have: 1.0.0.127, or a
random name where it asks for names. A list that has it is not used any more.
"""

import http.client
import json
import os
import shutil

from tests.clients import lists
from tests.harness import daemon
from tests.harness import dns_client

PORT = 11333

# The resolver answers for a list that was given up, and whose domain now says
# yes to everything.
GIVEN_UP = "given-up.test"
_RESOLVER_KEYS = """\
  local-zone: "%(zone)s" redirect
  local-data: "%(zone)s A 127.0.0.2"
  local-zone: "names.%(zone)s" redirect
  local-data: "names.%(zone)s A 127.0.0.2"
""" % {"zone": GIVEN_UP}

_CONF = """\
options {
  tempdir = "%(dir)s";
  hs_cache_dir = "%(dir)s";
  cache_file = "%(dir)s/symbols.cache";
  history_file = "%(dir)s/history";
  # The list that comes with it takes seconds to read.
  url_tld = "%(dir)s/tlds";
  filters = "";
  # Instead of a minute.
  monitoring_watch_interval = 1s;
}
logging {
  type = "console";
  debug_modules = ["monitored"];
}
worker "normal" {
  bind_socket = "127.0.0.1:%(port)d";
  count = 1;
}
modules {
  path = "$PLUGINSDIR/rbl.lua";
}
actions {
  reject = 5;
}
group "rbl" {
  symbols {
    SBL { weight = 2.5; }
    XBL { weight = 3; }
    PBL { weight = 1.5; }
    BIT_2 { weight = 0.5; }
    BIT_4 { weight = 10; }
    BIT_8 { weight = 0.25; }
    ALLOW { weight = -4; }
    NAME { weight = 1.25; }
    GIVEN_UP { weight = 100; }
    GIVEN_UP_NAMES { weight = 100; }
  }
}
rbl {
  rbls {
    zen {
      rbl = "%(zen)s";
      checks = ["from"];
      return_codes {
        SBL = "127.0.0.2";
        XBL = "127.0.0.4";
        PBL = ["127.0.0.10", "127.0.0.11"];
      }
    }
    bits {
      rbl = "%(bits)s";
      checks = ["from"];
      return_bits { BIT_2 = 2; BIT_4 = 4; BIT_8 = 8; }
    }
    allow {
      rbl = "%(allow)s";
      checks = ["from"];
    }
    names {
      rbl = "%(names)s";
      checks = ["urls"];
      url_full_hostname = true;
      return_codes { NAME = "127.0.1.2"; }
    }
    given_up {
      rbl = "%(given_up)s";
      checks = ["from"];
    }
    given_up_names {
      rbl = "names.%(given_up)s";
      checks = ["urls"];
    }
  }
}
"""

_MAIL = """\
From: sender@example.org
To: someone@example.net
Subject: test

See http://%s/ for more.
"""


class Rspamd:
    """Listens for mails to check on 127.0.0.1:PORT."""

    def __init__(self, scratch):
        folder = scratch.join("rspamd")
        scratch.write("rspamd/tlds", "org\n")
        shutil.chown(folder, "_rspamd")
        self._config = scratch.write("rspamd.conf", _CONF % {
            "dir": folder, "port": PORT, "zen": lists.ZEN, "bits": lists.BITS,
            "allow": lists.ALLOW, "names": lists.NAMES, "given_up": GIVEN_UP})
        self._log = scratch.join("rspamd.log")
        self.program = None

    def __enter__(self):
        self.program = daemon.Program(
            [daemon.find_program("rspamd"), "--no-fork", "--user", "_rspamd",
             "--group", "_rspamd", "--config", self._config], self._log)
        daemon.wait_until("rspamd", self._answers, self.program)
        return self

    def _answers(self):
        try:
            return self.check(lists.UNLISTED)
        except OSError:
            return None

    def __exit__(self, *unused):
        if self.program.running():
            self.program.stop()

    def wait_for_log(self, text):
        daemon.wait_until("%r in rspamd's log" % text,
                          lambda: text in self.program.log(), self.program)

    def check(self, client, advertised=lists.UNLISTED_NAME):
        """(action, score, [symbols that hit])."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        connection.request("POST", "/checkv2", _MAIL % advertised,
                           {"IP": client})
        result = json.loads(connection.getresponse().read())
        connection.close()
        return result["action"], result["score"], sorted(result["symbols"])


class RspamdTest(lists.ListsTest):

    RESOLVER_KEYS = _RESOLVER_KEYS

    @classmethod
    def why_not(cls):
        if not daemon.find_program("rspamd"):
            return "rspamd is not installed (scripts/packages.txt)"
        return None

    @classmethod
    def start(cls):
        cls.rspamd = cls.enterClassContext(Rspamd(cls.scratch))
        # All scores are of lists that were monitored before.
        for zone in lists.ZONES:
            cls.rspamd.wait_for_log("dns callback for %s in " % zone)
        for zone in (GIVEN_UP, "names." + GIVEN_UP):
            cls.rspamd.wait_for_log("on resolving %s, disable object" % zone)

    def test_scores(self):
        for client, expected in (
                (lists.IN_SBL, ("no action", 2.5, ["SBL"])),
                (lists.IN_XBL, ("no action", 3, ["XBL"])),
                (lists.IN_SBL_AND_XBL, ("reject", 5.5, ["SBL", "XBL"])),
                (lists.IN_PBL, ("no action", 1.5, ["PBL"])),
                (lists.IN_BITS, ("no action", 0.75, ["BIT_2", "BIT_8"])),
                (lists.IN_SBL_AND_ALLOW, ("no action", -1.5, ["ALLOW", "SBL"])),
                (lists.UNLISTED, ("no action", 0, []))):
            self.assertEqual(self.rspamd.check(client), expected, client)

    def test_names_of_links(self):
        self.assertEqual(
            self.rspamd.check(lists.UNLISTED, lists.LISTED_NAME),
            ("no action", 1.25, ["NAME"]))

    def test_monitoring_leaves_out_only_the_list_that_was_given_up(self):
        # It still says yes to everything.
        answer = dns_client.ask(
            ("127.0.0.1", 53), dns_client.reversed_name(lists.UNLISTED,
                                                        GIVEN_UP),
            flags=dns_client.RD)
        self.assertEqual(answer.values(dns_client.A), ["127.0.0.2"])
        self.assertEqual(self.rspamd.check(lists.UNLISTED)[2], [])

        log = self.rspamd.program.log()
        self.assertIn("when querying for '1.0.0.127.%s'" % GIVEN_UP, log)
        self.assertRegex(log, r"when querying for '[\w-]+\.names\.%s'"
                              % GIVEN_UP)
        for zone in lists.ZONES:
            self.assertRegex(log, "dns callback for %s in .*: no records with "
                                  "this name" % zone)
            self.assertNotIn("on resolving " + zone, log)


if __name__ == "__main__":
    lists.main()
