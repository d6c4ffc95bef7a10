// The table of verbs and options: what parsing, help texts and suggestions are
// made of.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/compare/comparison.h"
#include "tools/rblctl_context.h"

namespace rbld {
namespace {

const OptionSpec kList = {
    "list", "LIST", "The list; may be left out when there is only one.", false};
const OptionSpec kDryRun = {"dry-run", "",
                            "Check and report, but change nothing.", false};
const OptionSpec kWhy = {"why", "TEXT",
                         "Why you do it; kept in the audit record.", false};
const OptionSpec kActor = {
    "actor", "NAME", "Who asks for it, recorded as \"NAME via\" your user.",
    false};
const OptionSpec kIfSequence = {
    "if-sequence", "N", "Refuse if the store has moved past sequence N.",
    false};
const OptionSpec kYes = {"yes", "", "Do not ask on the terminal.", false};
const OptionSpec kNote = {"note", "TEXT", "A remark that stays with it.",
                          false};
const OptionSpec kExpires = {
    "expires", "WHEN", "30d, 12h, 2026-12-31, 2026-12-31T12:00:00Z or never.",
    false};

constexpr char kBatchDetails[] =
    "With \"-\" the targets come on standard input, one a line (# begins a "
    "comment). A\nline may also be a JSON object with the keys target, list, "
    "source, values, expires\nand note, which win over the options. Up to "
    "10,000 lines go in one request, which\nhappens whole or not at all; after "
    "a refusal nothing more is sent, and if something\nwas done before, the "
    "exit code is 5.";

VerbSpec Add() {
  return {
      "add",
      "TARGET… | -",
      1,
      -1,
      "List targets, or change what is listed.",
      std::string("A target is an address, a prefix (192.0.2.0/24), a name "
                  "(example.com), a name with\nits subdomains "
                  "(.example.com) or only those (*.example.com).\n\n") +
          kBatchDetails +
          "\n\nExample: rblctl add 192.0.2.7 --list relays --code 127.0.0.2 "
          "\\\n           --reason \"open relay, see https://…?$\" "
          "--expires 30d",
      {kList,
       {"code", "CODE",
        "The A record, such as 127.0.0.2; may be given several times. "
        "Default: the list's.",
        true},
       {"reason", "TEXT",
        "The TXT record, $ is the address; default: the list's.", false},
       {"ttl", "SECONDS", "Of the answer; default: the zone's.", false},
       kExpires,
       {"source", "SOURCE", "Whose listing it is; default: manual.", false},
       kNote,
       kWhy,
       kActor,
       kIfSequence,
       kYes,
       kDryRun}};
}

VerbSpec Remove() {
  return {"remove",
          "TARGET… | -",
          1,
          -1,
          "Take targets off a list.",
          std::string("Removes the listing of exactly this target: one that "
                      "contains it stays (rblctl show\nfinds those; exempt "
                      "takes a part of one out). Exit code 1 if none was "
                      "listed.\n\n") +
              kBatchDetails,
          {kList,
           {"source", "SOURCE", "Only this source's; default: every source's.",
            false},
           kWhy,
           kActor,
           kIfSequence,
           kDryRun}};
}

VerbSpec Exempt() {
  return {"exempt",
          "TARGET… | -",
          1,
          -1,
          "Make targets not listed, whatever lists them.",
          kBatchDetails,
          {kList,
           {"source", "SOURCE",
            "Only against this source's listings; default: the whole list's.",
            false},
           kExpires,
           kNote,
           kWhy,
           kActor,
           kIfSequence,
           kYes,
           kDryRun}};
}

VerbSpec Unexempt() {
  return {
      "unexempt",
      "TARGET… | -",
      1,
      -1,
      "Take exemptions away.",
      kBatchDetails,
      {kList,
       {"source", "SOURCE",
        "The exemption against this source; default: the whole list's.", false},
       kWhy,
       kActor,
       kIfSequence,
       kDryRun}};
}

VerbSpec Import() {
  return {"import",
          "FILE… | -",
          1,
          -1,
          "Replace a source's listings by a feed's.",
          "Whatever the source listed before and the feed does not list any "
          "more is removed, in\none sequence number. gzip and zstd are "
          "unpacked. A feed that would shrink or grow the\nsource by more than "
          "the guard allows is refused as a whole.\n\nExample: rblctl import "
          "/srv/feeds/ipsum.txt --list relays --expires 7d",
          {kList,
           {"source", "SOURCE",
            "Whose listings; default: the file's name without its extensions.",
            false},
           {"format", "FORMAT",
            "plain, ip4set, ip4tset, ip4trie, ip6tset, ip6trie, dnset, "
            "dnhash or jsonl; default: by the file's extension or beginning, "
            "else plain.",
            false},
           {"code", "CODE", "For lines that give none; default: the list's.",
            false},
           {"reason", "TEXT", "For lines that give none; default: the list's.",
            false},
           kExpires,
           {"max-shrink", "PERCENT", "The guard against losing; default: 30.",
            false},
           {"max-grow", "PERCENT", "The guard against growing; default: 30.",
            false},
           {"force", "", "Pass both guards.", false},
           {"strict", "", "Refuse the whole if any line is rejected.", false},
           kWhy,
           kActor,
           kDryRun}};
}

VerbSpec Dump() {
  return {"dump",
          "[ZONE]",
          0,
          1,
          "Write a zone for mirrors, or a list.",
          "With a zone: files of the daemon's machine, each renamed into place "
          "when it is whole,\nand a MANIFEST. Folder and formats may come from "
          "the configuration.\nWith --list instead: the list's records as JSON "
          "Lines on standard output, ready for\nrblctl import.\n\nExample: "
          "rblctl dump relays.example.org --to /srv/mirror --format "
          "ip4trie,rfc1035",
          {{"to", "DIR", "The folder; made if missing.", false},
           {"format", "FORMAT",
            "ip4trie, ip6trie, dnset, rfc1035 or jsonl; several by commas or "
            "given several times.",
            true},
           {"list", "LIST", "Write this list instead of a zone.", false},
           {"source", "SOURCE", "With --list: only this source's.", false}}};
}

VerbSpec Find() {
  return {
      "find",
      "[TEXT]",
      0,
      1,
      "Search listings and exemptions.",
      "TEXT is a part of a reason or note. With --json each record is a "
      "line of its own.",
      {{"list", "LIST", "Only this list.", false},
       {"source", "SOURCE", "Only this source.", false},
       {"within", "TARGET", "Only targets equal to this or inside it.", false},
       {"limit", "N", "At most so many; 0: all. Default: 100.", false}}};
}

VerbSpec Compare() {
  std::string details =
      "Asks both servers the same questions and counts how their answers "
      "differ. OLD and\nNEW are addresses: 192.0.2.53, 127.0.0.1:5300, "
      "[2001:db8::53]:53. Nothing is changed,\nand no daemon of rbld is "
      "needed. The questions come from one of\n\n"
      "  --names FILE   Names, one a line, and types where not those of "
      "--types "
      "are meant;\n"
      "                 # begins a comment. With --zone, an address means its "
      "name there.\n"
      "  --pcap FILE    What clients asked: a capture as tcpdump -w writes it "
      "(pcap, pcapng).\n"
      "  --data TYPE:FILE  with --zone ZONE: rbldnsd's data files, as on its "
      "command line: the\n"
      "                 ends of each entry, what lies beside, above and below "
      "it, the zone\n"
      "                 itself and the test entries.\n\n"
      "\"-\" is standard input; gzip and zstd are unpacked. Each query counts "
      "once, under the\nfirst kind of difference that applies:\n\n";
  for (int i = 0; i < kDifferenceKinds; ++i) {
    const auto kind = static_cast<DifferenceKind>(i);
    absl::StrAppend(&details, "  ",
                    absl::StrFormat("%-20s", DifferenceName(kind)),
                    DifferenceMeaning(kind), "\n");
  }
  absl::StrAppend(
      &details,
      "\nFrom rbldnsd to rbld, test-entry and empty-non-terminal are to be "
      "expected:\n--ignore test-entry,empty-non-terminal then leaves what is "
      "not. A kind that is ignored\nis counted, but makes no difference; what "
      "else differs in such a query still does.\n\n"
      "Exit codes: 0 all the same, 1 differences (or both answered nothing but "
      "errors),\n2 usage, or nothing to ask, 4 a server does not answer, 5 "
      "broken off: what was\ncompared until then is shown.\n\n"
      "Examples: rblctl compare 192.0.2.53 192.0.2.53:5300 \\\n"
      "            --zone bl.example.org --data ip4set:/var/lib/rbldns/list\n"
      "          tcpdump -i any -w queries.pcap -c 100000 udp dst port 53\n"
      "          rblctl compare 192.0.2.53 192.0.2.53:5300 --pcap "
      "queries.pcap");
  return {
      "compare",
      "OLD NEW",
      2,
      2,
      "Do two servers answer the same?",
      details,
      {{"names", "FILE", "Names, one a line.", false},
       {"pcap", "FILE", "A capture of queries.", false},
       {"port", "N", "With --pcap: the port that was asked; default: 53.",
        false},
       {"data", "TYPE:FILE",
        "Data files of rbldnsd, several by commas, as on its command line; may "
        "be given several times.",
        true},
       {"zone", "ZONE",
        "The zone of --data; elsewhere: only names at it and below it.", false},
       {"types", "TYPES",
        "What to ask names for; default: A,TXT. With --pcap: only queries of "
        "these types.",
        false},
       {"all", "", "Ask repeated questions again.", false},
       {"sample", "PERCENT",
        "Ask only this part of the names, always the same.", false},
       {"rate", "N",
        "Queries a second to each server; 0: as fast as they answer. Default: "
        "1000.",
        false},
       {"timeout", "SECONDS", "For each try; default: 1.", false},
       {"retries", "N", "Tries after the first one; default: 2.", false},
       {"tcp", "", "Ask over TCP; rbldnsd has none.", false},
       {"edns", "BYTES", "Ask with EDNS and this UDP size, such as 1232.",
        false},
       {"ignore", "KINDS",
        "Kinds that are no difference, by commas; they are still counted.",
        true},
       {"max-shown", "N", "Examples of each kind; default: 5.", false}}};
}

VerbSpec Report() {
  return {
      "report",
      "[ADDRESS…]",
      0,
      -1,
      "Report addresses as open relays.",
      "Each is tested, and listed only if a test message comes back. After "
      "a refusal the\nothers are still reported; the exit code is 5 if only "
      "some were.\n\nWith --message the address is taken from a mail: it is "
      "the one that gave it to the\nlast host that --trust names, or, "
      "without, to the one that wrote the first Received\nfield. An abuse "
      "report (ARF, RFC 5965) is read, too; without --trust its Source-IP\n"
      "counts.\n\nExamples: rblctl report 203.0.113.7 --note \"spam to our "
      "trap\"\n          rblctl report --message spam.eml --trust "
      "mx.example.org --trust 192.0.2.0/24\n          rblctl report "
      "--message - < abuse-report.eml",
      {{"message", "FILE",
        "A mail with all of its header, or an abuse report; -: standard input.",
        false},
       {"trust", "HOST",
        "What stands behind \"by\" in your own hosts' Received fields, or "
        "their addresses or networks.",
        true},
       {"reporter", "NAME",
        "Who reports, whose daily limit counts; default: your user.", false},
       {"note", "TEXT", "A remark for the daemon's log.", false}}};
}

VerbSpec Recheck() {
  return {
      "recheck",
      "ADDRESS",
      1,
      1,
      "Test a listed address now, to take it off.",
      "For owners who have closed their server. With --wait a line for "
      "each step until a\nverdict is there; the exit code is then 0 if the "
      "test was clean, 3 if a message came\nback, 1 if it said nothing.",
      {{"wait", "", "Wait for the verdict, and show what happens.", false}}};
}

VerbSpec OptOut() {
  return {"optout",
          "PREFIX",
          1,
          1,
          "Never test what lies in a prefix.",
          "It takes nothing off the list. Where a single address is listed, "
          "the end of its\nlisting is told.",
          {{"remove", "", "Allow tests again.", false}, kNote}};
}

VerbSpec Probes() {
  return {"probes",
          "",
          0,
          0,
          "The relay cases.",
          "With --json each case is a line of its own.",
          {{"state", "STATE", "Only idle, planned, running or waiting.", false},
           {"verdict", "VERDICT",
            "Only none, open, multihop, accepted, bounced, closed or "
            "inconclusive.",
            false},
           {"listed", "", "Only what a relay test lists.", false},
           {"within", "PREFIX", "Only addresses of this network.", false},
           {"limit", "N", "At most so many; 0: all. Default: 100.", false}}};
}

std::vector<VerbSpec> Verbs() {
  return {
      Add(),
      Remove(),
      Exempt(),
      Unexempt(),
      {"show",
       "TARGET",
       1,
       1,
       "Is it listed, by whom and why?",
       "What each zone answers and from where: lists, and lines of watched "
       "files. Of a prefix\nthe first and the last address are asked for, of "
       "\".name\" the name and one below it.\nOf an address that was reported "
       "as an open relay also its relay case: what lists it,\nwhen it is "
       "tested next, what happens then, and where to look for the failing "
       "form.\nExit code 0 if a zone lists it, 1 if not.",
       {{"list", "LIST", "Only this list.", false},
        {"evidence", "",
         "Also the relay tests' transcripts and the messages that came back.",
         false}}},
      Find(),
      {"history",
       "TARGET",
       1,
       1,
       "What happened to a target, newest first.",
       "",
       {{"list", "LIST", "Only this list.", false},
        {"limit", "N", "At most so many; default: 100.", false}}},
      {"audit",
       "",
       0,
       0,
       "Who changed what, newest first.",
       "",
       {{"limit", "N", "At most so many; default: 100.", false}}},
      Import(),
      Dump(),
      {"list ls", "", 0, 0, "The lists.", "", {}},
      {"list show",
       "LIST",
       1,
       1,
       "A list, its sources and its policy.",
       "",
       {}},
      {"zone ls", "", 0, 0, "The zones.", "", {}},
      {"zone show", "ZONE", 1, 1, "A zone.", "", {}},
      {"reload",
       "",
       0,
       0,
       "Load the configuration again.",
       "If the file is wrong, the old configuration keeps serving and the exit "
       "code is 2 or 3.",
       {}},
      {"status", "", 0, 0, "How the daemon is doing.", "", {}},
      {"stats", "", 0, 0, "What it has counted.", "", {}},
      {"backup",
       "DIR",
       1,
       1,
       "Copy the store, consistent, while it runs.",
       "DIR must not exist, or be an earlier backup of this store.",
       {}},
      {"restore",
       "BACKUP DIR",
       2,
       2,
       "Make a store out of a backup.",
       "Needs no daemon. DIR must not exist or be empty. The restored store "
       "begins a new\nepoch, and its zones' serials go on after the highest "
       "that was used.",
       {}},
      Compare(),
      Report(),
      Recheck(),
      OptOut(),
      {"optouts", "", 0, 0, "What is not tested, by request.", "", {}},
      Probes(),
  };
}

}  // namespace

const CommandTable& RblctlCommands() {
  static const CommandTable* const kTable = new CommandTable{
      "rblctl",
      "rblctl tells rbld, the DNS blocklist server, what to do.",
      {
          {"socket", "PATH",
           "The daemon's control socket. Default: $RBLD_SOCKET, else "
           "/run/rbld/operator.sock.",
           false},
          {"store", "DIR",
           "Work on this store itself; no daemon may be running on it.", false},
          {"config", "FILE",
           "With --store: where lists and zones come from (rbld.toml).", false},
          {"json", "", "Print JSON, with times in UTC.", false},
          {"version", "", "Print the version.", false},
      },
      Verbs(),
      "Exit codes: 0 done, 1 not listed or nothing found, 2 usage, 3 refused,\n"
      "4 no daemon, 5 outcome unknown or only a part done. Of compare: 1 "
      "differences,\n4 no server.\n\n"
      "Try: rblctl status, rblctl show 127.0.0.2, rblctl add --help\n"};
  return *kTable;
}

}  // namespace rbld
