"""A real SpamAssassin scores by what rbld lists: check_rbl and its kin."""

import os
import re
import subprocess

from tests.clients import lists
from tests.harness import daemon

_PLUGINS = """\
loadplugin Mail::SpamAssassin::Plugin::Check
loadplugin Mail::SpamAssassin::Plugin::DNSEval
loadplugin Mail::SpamAssassin::Plugin::URIDNSBL
"""

# A sub-test is an address, a number of which one bit must be in the code, or a
# regular expression.
_RULES = """\
dns_available yes
required_score 5
report_safe 0
internal_networks 198.51.100.1
report _SUMMARY_
clear_headers
add_header all Status _YESNO_ _SCORE_ _TESTS_
util_rb_tld org
util_rb_2tld example.org

header __ZEN eval:check_rbl('zen-lastexternal', '%(zen)s.')
header ZEN_SBL eval:check_rbl_sub('zen-lastexternal', '127.0.0.2')
score ZEN_SBL 2.5
header ZEN_XBL eval:check_rbl_sub('zen-lastexternal', '127.0.0.4')
score ZEN_XBL 3
header ZEN_PBL eval:check_rbl_sub('zen-lastexternal', '^127\\.0\\.0\\.1[01]$')
score ZEN_PBL 1.5

header __BITS eval:check_rbl('bits-lastexternal', '%(bits)s.')
header BITS_2 eval:check_rbl_sub('bits-lastexternal', '2')
score BITS_2 0.5
header BITS_4 eval:check_rbl_sub('bits-lastexternal', '4')
score BITS_4 10
header BITS_8 eval:check_rbl_sub('bits-lastexternal', '8')
score BITS_8 0.3
header BITS_8_OR_4 eval:check_rbl_sub('bits-lastexternal', '12')
score BITS_8_OR_4 0.4

header TXT_SPAM eval:check_rbl_txt('txt-lastexternal', '%(zen)s.', '^Spam ')
describe TXT_SPAM The list calls it a spam source
score TXT_SPAM 0.1

header ALLOW eval:check_rbl('allow-lastexternal', '%(allow)s.', '127.0.4.2')
tflags ALLOW net nice
score ALLOW -4

header FROM_NAMES eval:check_rbl_envfrom('names', '%(names)s.')
score FROM_NAMES 1.2
urirhssub URI_NAMES %(names)s. A 127.0.1.2
body URI_NAMES eval:check_uridnsbl('URI_NAMES')
score URI_NAMES 0.7
""" % {"zen": lists.ZEN, "bits": lists.BITS, "allow": lists.ALLOW,
       "names": lists.NAMES}

_MAIL = """\
Return-Path: <sender@%(sender)s>
Received: from client.example.org (client.example.org [%(client)s])
\tby mx.example.net (Postfix) with ESMTP id 1;
\tMon, 1 Jan 2024 00:00:00 +0000
From: sender@%(sender)s
To: someone@example.net
Subject: test

See http://%(advertised)s/ for more.
"""


class SpamAssassinTest(lists.ListsTest):

    @classmethod
    def why_not(cls):
        if not daemon.find_program("spamassassin"):
            return "spamassassin is not installed (scripts/packages.txt)"
        return None

    @classmethod
    def start(cls):
        cls.scratch.write("rules/test.pre", _PLUGINS)
        cls.scratch.write("rules/test.cf", _RULES)
        cls.scratch.write("prefs", "")

    def report(self, client, sender=lists.UNLISTED_NAME,
               advertised=lists.UNLISTED_NAME):
        """What SpamAssassin makes of a mail: its new header, and its report."""
        rules = self.scratch.join("rules")
        done = subprocess.run(
            ["spamassassin", "--siteconfigpath", rules, "--configpath", rules,
             "--prefspath", self.scratch.join("prefs"), "--test-mode"],
            input=_MAIL % {"client": client, "sender": sender,
                           "advertised": advertised},
            stdout=subprocess.PIPE, encoding="utf-8", check=True,
            env=dict(os.environ, HOME=self.scratch.path))
        return done.stdout

    def status(self, *args):
        """(spam?, score, {rules that hit})."""
        report = self.report(*args)
        spam, score, rules = re.search(
            r"^X-Spam-Status: (\S+) (\S+) (\S+)$", report, re.M).groups()
        return spam, score, set(rules.split(","))

    def test_scores(self):
        for client, expected in (
                (lists.IN_SBL, ("No", "2.6", {"ZEN_SBL", "TXT_SPAM"})),
                (lists.IN_XBL, ("No", "3.0", {"ZEN_XBL"})),
                (lists.IN_SBL_AND_XBL,
                 ("Yes", "5.6", {"ZEN_SBL", "ZEN_XBL", "TXT_SPAM"})),
                (lists.IN_PBL, ("No", "1.5", {"ZEN_PBL"})),
                (lists.IN_BITS,
                 ("No", "1.2", {"BITS_2", "BITS_8", "BITS_8_OR_4"})),
                (lists.IN_SBL_AND_ALLOW,
                 ("No", "-1.4", {"ZEN_SBL", "TXT_SPAM", "ALLOW"})),
                (lists.UNLISTED, ("No", "0.0", {"none"}))):
            self.assertEqual(self.status(client), expected, client)

    def test_names_of_senders_and_links(self):
        self.assertEqual(self.status(lists.UNLISTED, lists.LISTED_NAME),
                         ("No", "1.2", {"FROM_NAMES"}))
        self.assertEqual(self.status(lists.UNLISTED, lists.UNLISTED_NAME,
                                     lists.LISTED_NAME),
                         ("No", "0.7", {"URI_NAMES"}))

    def test_the_report_shows_the_text_of_the_list(self):
        self.assertIn(
            "[Spam source, see <https://sbl.rbld.test/lookup?192.0.2.2>]",
            self.report(lists.IN_SBL))


if __name__ == "__main__":
    lists.main()
