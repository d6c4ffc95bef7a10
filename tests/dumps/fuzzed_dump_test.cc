// A zone made of 100,000 fuzzed lines of feeds and names of any bytes, dumped
// in all formats: each file passes the checkers of other name servers, and NSD
// and rbldnsd answer from it as rbld does.
#include <stdio.h>
#include <sys/wait.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "dns/name.h"
#include "tests/dumps/interop_test_base.h"
#include "zones/byte_source.h"
#include "zones/feed_reader.h"
#include "zones/rfc1035_text.h"

namespace rbld {
namespace {

constexpr int kFeedLines = 80'000;
constexpr int kRawChanges = 20'000;
constexpr int kRawBatch = 1000;
constexpr size_t kSuffixBytes = sizeof("\1z\4test");  // with the root's
constexpr char kAsterisk[] = "\\042";

bool HasAsterisk(const std::string& name) {
  for (const absl::string_view label : absl::StrSplit(name, '.')) {
    if (label == kAsterisk) return true;
  }
  return false;
}

class FuzzedDump : public InteropTest {
 protected:
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  template <typename T>
  const T& Pick(const std::vector<T>& of) {
    return of[Below(of.size())];
  }

  // ---- what is listed ----

  // Bytes of a text: what quotes, comments and templates are made of, too.
  std::string OddText(size_t bytes, bool subject) {
    static const std::vector<std::string> kPieces = {
        "\"", "\\", ";", "#", "=", "(", ")", "@",    "$$",   "$$5", ":",   "'",
        "!",  "%",  " ", "a", "b", "x", "é", "\xff", "\x80", "{}",  "://", "?"};
    std::string text = subject ? "see $" : "t";
    if (subject && OneIn(8)) text += OneIn(2) ? "5" : "=";
    while (text.size() < bytes) text += Pick(kPieces);
    return text + ".";  // no blanks at the end, which rbldnsd drops
  }

  void MakeReasons() {
    for (int i = 0; i < 120; ++i) {
      const size_t bytes = i % 40 == 0   ? 300 + Below(1500)
                           : i % 10 == 0 ? 200 + Below(60)
                                         : 2 + Below(30);
      plain_.push_back(OddText(bytes, false));
      subject_.push_back(OddText(bytes % 100, true));
    }
  }

  std::string OddLabel() {
    static const std::vector<std::string> kWhole = {
        "*",   "@",   "$origin", "$",  "(",   ")",       "\"",
        "\\",  ";",   "#x",      "!x", ":",   "xn--4ca", "_dmarc",
        "-a-", "a b", " ",       ".",  "a.b", "*x",      "x*"};
    std::string label;
    if (OneIn(6)) return Pick(kWhole);
    if (OneIn(50)) return std::string(63, static_cast<char>(1 + Below(64)));
    const size_t bytes = 1 + Below(OneIn(10) ? 40 : 8);
    for (size_t i = 0; i < bytes; ++i) {
      if (OneIn(5)) {
        char byte = static_cast<char>(Below(256));
        if (absl::ascii_isupper(static_cast<unsigned char>(byte))) byte = '(';
        label.push_back(byte);
      } else {
        label.push_back("abcdefghijklmnopqrstuvwxyz0123456789-_"[Below(38)]);
      }
    }
    return label;
  }

  // From the top down. Few names at the top, so that they nest.
  std::vector<std::string> OddLabels() {
    static const std::vector<std::string> kTops = {"example", "test2", "(x",
                                                   "com",     "xy",    "a b"};
    std::vector<std::string> labels = {OneIn(20) ? OddLabel() : Pick(kTops),
                                       absl::StrCat("d", Below(300))};
    const size_t more = OneIn(40) ? 1 + Below(20) : Below(3);
    for (size_t i = 0; i < more; ++i) labels.push_back(OddLabel());
    // Not too often the same: a listing has 64 values.
    if (labels.size() < 3) labels.push_back(absl::StrCat("n", Below(5000)));
    if (OneIn(4)) labels.erase(labels.begin() + 1);
    return labels;
  }

  static std::string WireOf(const std::vector<std::string>& labels) {
    std::string wire;
    for (const std::string& label : labels) {
      wire.push_back(static_cast<char>(label.size()));
      wire += label;
    }
    return wire;
  }

  // As a line of a dnset: with escapes, or as they are.
  std::string DnsetName(const std::vector<std::string>& labels) {
    std::string text = RelativeText(ReversedLabels(WireOf(labels)));
    if (OneIn(2)) {
      for (const char* escape : {"\\040", "\\041", "\\036", "\\035", "\\064"}) {
        text = absl::StrReplaceAll(
            text,
            {{escape, std::string(1, static_cast<char>(atoi(escape + 1)))}});
      }
    }
    return text;
  }

  // Few networks, so that they nest and a zone file need not be huge.
  std::string Address() {
    return IpPrefix::FromIpv4(
               0x0a000000 + static_cast<uint32_t>(Below(16) << 16 |
                                                  Below(12) << 8 | Below(256)))
        .ToString();
  }

  std::string Prefix() {
    const uint64_t length = OneIn(40) ? 20 + Below(4) : 24 + Below(9);
    const IpPrefix address = Target::Parse(Address())->prefix();
    return IpPrefix::Make(Family::kIpv4, address.bytes,
                          static_cast<int>(length))
        .ToString();
  }

  std::string Ipv6Prefix() {
    AddressBytes bytes = {0x20, 0x01, 0x0d, 0xb8};
    for (size_t i = 4; i < 16; ++i) {
      bytes[i] = static_cast<uint8_t>(Below(i < 8 ? 40 : 256));
    }
    const uint64_t length = !OneIn(6) ? 128 : OneIn(2) ? 48 + Below(80) : 64;
    return IpPrefix::Make(Family::kIpv6, bytes, static_cast<int>(length))
        .ToString();
  }

  // A line of rbldnsd's: an entry, at times excluded, and its value.
  std::string Valued(const std::string& entry, bool single) {
    if (OneIn(12)) return absl::StrCat("!", entry, "\n");
    if (OneIn(3)) return absl::StrCat(entry, "\n");
    const std::string& text =
        single && OneIn(2) ? Pick(subject_) : Pick(plain_);
    return absl::StrCat(entry, " :127.0.0.", 2 + Below(8), ":", text, "\n");
  }

  std::string Junk() {
    static const std::vector<std::string> kJunk = {"<html>",
                                                   "8.67.1.1:8080",
                                                   "||ads.example.com^",
                                                   "0.0.0.0 x.example",
                                                   "1.2.3.4.5",
                                                   "10.0.0.300",
                                                   "b.example(phishing)",
                                                   "\\",
                                                   "!",
                                                   "https://x.example/",
                                                   "8.1.1.1,8.1.1.2",
                                                   ". . ."};
    return Pick(kJunk) + "\n";
  }

  void Import(FeedFormat format, const std::string& list,
              const std::function<std::string()>& line) {
    std::string text = ":127.0.0.2:default\n";
    if (format == FeedFormat::kPlain) text.clear();
    for (int i = 0; i < kFeedLines / 5; ++i) {
      text += OneIn(50) ? Junk() : line();
    }
    FeedOptions feed;
    feed.format = format;
    feed.default_values = {{0x7f000002, "", 0}};
    rbld::Import import(ListSpecs(config_)[0].policy);
    const auto source = StringSource(text);
    const auto counts = ReadFeed(source.get(), feed, &import);
    ASSERT_TRUE(counts.ok()) << counts.status();
    printf("%s: %d lines, %d entries\n", FeedFormatName(format),
           static_cast<int>(counts->lines), static_cast<int>(counts->entries));
    EXPECT_GT(counts->entries, static_cast<uint64_t>(kFeedLines) / 20);
    ImportOptions options;
    options.list = list;
    options.source = FeedFormatName(format);
    options.precedence = PrecedenceOf(format);
    options.actor = "test";
    options.force = true;
    const auto summary =
        publisher_->RunImport(std::move(import), options, nullptr);
    ASSERT_TRUE(summary.ok()) << summary.status();
  }

  void ImportAll() {
    Import(FeedFormat::kPlain, "a", [this] {
      return absl::StrCat(OneIn(2)   ? Address()
                          : OneIn(3) ? Ipv6Prefix()
                          : OneIn(2) ? Prefix()
                                     : DnsetName(OddLabels()),
                          OneIn(3) ? " # remark" : "", "\n");
    });
    Import(FeedFormat::kIp4Set, "b", [this] {
      return OneIn(3) ? Valued(Prefix(), false) : Valued(Address(), true);
    });
    Import(FeedFormat::kIp4Trie, "a", [this] {
      return OneIn(3) ? Valued(Prefix(), false) : Valued(Address(), true);
    });
    Import(FeedFormat::kIp6Trie, "b", [this] {
      const std::string prefix = Ipv6Prefix();
      return Valued(prefix, !absl::StrContains(prefix, '/'));
    });
    Import(FeedFormat::kDnset, "a", [this] {
      const uint64_t scope = Below(6);
      return Valued(absl::StrCat(scope == 0   ? "."
                                 : scope == 1 ? "*."
                                              : "",
                                 DnsetName(OddLabels())),
                    true);
    });
  }

  // Straight into the store, as an earlier version might have left them.
  void AddRaw() {
    for (int i = 0; i < kRawChanges; ++i) {
      const std::vector<std::string> labels = OddLabels();
      Change change;
      change.list = OneIn(2) ? "a" : "b";
      change.target =
          Target::OfName(WireOf(labels), static_cast<NameScope>(1 + Below(3)));
      if (change.target.reversed_wire().size() > 240) continue;
      // An exemption that a zone file cannot say would refuse it.
      if (OneIn(8) && labels.back() != "*") {
        change.verb = Change::Verb::kExempt;
        change.source = "";
      } else {
        for (uint64_t n = 1 + Below(OneIn(3) ? 3 : 1); n > 0; --n) {
          change.values.push_back(
              {static_cast<uint32_t>(0x7f000002 + 10 * n + Below(4)),
               OneIn(3) ? Pick(subject_) : Pick(plain_),
               OneIn(4) ? static_cast<uint32_t>(60 * (1 + Below(5))) : 0});
        }
      }
      request_.changes.push_back(std::move(change));
      if (request_.changes.size() == kRawBatch || i + 1 == kRawChanges) {
        request_.actor = request_.request = "test";
        const auto result = publisher_->Apply(request_);
        ASSERT_TRUE(result.ok()) << result.status();
        request_.changes.clear();
      }
    }
  }

  void DumpAll() {
    TakeSnapshot();
    DumpOptions options;
    options.directory = folder_ + "/dump";
    options.formats = {DumpFormat::kIp4Trie, DumpFormat::kIp6Trie,
                       DumpFormat::kDnset, DumpFormat::kRfc1035,
                       DumpFormat::kJsonLines};
    options.max_expanded_records = 1'000'000;
    const auto summary =
        DumpZone(config_.zones[0], *pin_, 1000, options, nullptr);
    ASSERT_TRUE(summary.ok()) << summary.status();
    manifest_ = nlohmann::json::parse(
        ReadFile(summary->manifest_path, 1 << 20).value());
    for (const DumpedFile& file : summary->files) {
      if (file.records < 3000 && file.left_out == 0) continue;
      printf("%s: %d records, %d left out\n", file.name.c_str(),
             static_cast<int>(file.records), static_cast<int>(file.left_out));
    }
    EXPECT_TRUE(summary->refused.empty()) << DescribeIncomplete(*summary);
  }

  // ---- the checkers ----

  void ExpectAccepts(const std::string& command) {
    const std::string log = folder_ + "/check.log";
    const int status = system(
        absl::StrCat("cd '", folder_, "/dump' && ", command, " >", log, " 2>&1")
            .c_str());
    std::string said = ReadFile(log, 1 << 28).value_or("");
    if (said.size() > 2000) said = "…" + said.substr(said.size() - 2000);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << command << ": status " << status << "\n"
        << said;
  }

  // ---- what is asked ----

  // Labels from the top down.
  void AskWire(const std::string& reversed_wire) {
    if (reversed_wire.empty()) return;
    if (reversed_wire.size() + kSuffixBytes > 255) return;
    const std::string name = RelativeText(ReversedLabels(reversed_wire));
    if (seen_.insert(name).second) names_.push_back(name);
  }

  void AskAddresses() {
    ZoneStream stream(config_.zones[0], *pin_);
    ASSERT_TRUE(stream
                    .Ipv4([&](uint32_t first, uint32_t last, AnswerId) {
                      if (!OneIn(16)) return absl::OkStatus();
                      for (const uint32_t a : {first, last, first - 1, last + 1,
                                               first + (last - first) / 2}) {
                        Ask(Ipv4Name(a));
                      }
                      const std::string name = Ipv4Name(first);
                      Ask("x." + name);
                      for (int depth = 1; depth < 4; ++depth) {
                        Ask(Above(name, depth));
                      }
                      return absl::OkStatus();
                    })
                    .ok());
    ASSERT_TRUE(
        stream
            .Ipv6([&](absl::uint128 first, absl::uint128 last, AnswerId) {
              if (!OneIn(16)) return absl::OkStatus();
              for (const absl::uint128 a : {first, last, first - 1, last + 1}) {
                Ask(Ipv6Name(a));
              }
              Ask(Above(Ipv6Name(first), 1 + static_cast<int>(Below(31))));
              return absl::OkStatus();
            })
            .ok());
  }

  void AskNames() {
    ZoneStream stream(config_.zones[0], *pin_);
    ASSERT_TRUE(stream
                    .Names([&](const ZoneName& node) {
                      const std::string& wire = node.reversed_wire;
                      if (node.exact == 0 && node.inherited != 0) {
                        exempt_.insert(RelativeText(ReversedLabels(wire)));
                      }
                      std::string above;
                      for (size_t at = 0; at < wire.size();) {
                        const size_t bytes = 1 + static_cast<uint8_t>(wire[at]);
                        if (wire.substr(at, bytes) == "\1*") {
                          beside_asterisk_.insert(
                              RelativeText(ReversedLabels(above)));
                        }
                        above = wire.substr(0, at += bytes);
                      }
                      if (!OneIn(5)) return absl::OkStatus();
                      AskWire(wire);
                      AskWire(wire + "\1q");
                      if (OneIn(3)) AskWire(wire + "\3r\xe9(\1q");
                      for (size_t at = 0; at < wire.size();) {
                        AskWire(wire.substr(0, at));
                        if (OneIn(3)) AskWire(wire.substr(0, at) + "\2zz");
                        at += 1 + static_cast<uint8_t>(wire[at]);
                      }
                      return absl::OkStatus();
                    })
                    .ok());
    for (const char* name : {"test", "invalid", "nothing"}) Ask(name);
  }

  bool BesideAsterisk(const std::string& name) const {
    for (std::string up = name; !up.empty(); up = Above(up, 1)) {
      if (beside_asterisk_.count(Above(up, 1)) > 0) return true;
    }
    return false;
  }

  bool AboveAsterisk(const std::string& name) const {
    return std::any_of(beside_asterisk_.begin(), beside_asterisk_.end(),
                       [&](const std::string& above) {
                         return above == name ||
                                absl::EndsWith(above, absl::StrCat(".", name));
                       });
  }

  std::vector<std::string> plain_;
  std::vector<std::string> subject_;
  std::set<std::string> exempt_;
  std::set<std::string> beside_asterisk_;
};

// "TYPE RDATA" of each; the strings of a text are one.
std::set<std::string> Bare(const Reply& reply) {
  std::set<std::string> bare;
  for (const std::string& answer : reply.answers) {
    bare.insert(absl::StrReplaceAll(answer.substr(answer.find(' ') + 1),
                                    {{"\" \"", ""}}));
  }
  return bare;
}

// Every text of theirs is one of ours, whole or its beginning, and the other
// way round.
bool SameButCut(const std::set<std::string>& ours,
                const std::set<std::string>& theirs) {
  if (ours.empty() || theirs.empty()) return false;
  std::set<std::string> met;
  for (std::string text : theirs) {
    if (!absl::StartsWith(text, "TXT")) return false;
    text.pop_back();  // the quotation mark
    bool found = false;
    for (const std::string& whole : ours) {
      if (whole != text + "\"" &&
          !(text.size() > 240 && absl::StartsWith(whole, text))) {
        continue;
      }
      found = true;
      met.insert(whole);
    }
    if (!found) return false;
  }
  return met == ours;
}

// Does `ours`, with a name above in the place of the one asked for, say the
// same?
bool NamesOneAbove(const std::string& name, const Reply& ours,
                   const Reply& theirs) {
  if (ours.rcode != theirs.rcode) return false;
  const auto in_text = [](const std::string& owner) {
    const std::string wire = NameFromText(owner).value();
    return absl::StrReplaceAll(
        SubjectOfName(ReversedLabels(wire.substr(0, wire.size() - 1))),
        {{"\\", "\\\\"}, {"\"", "\\\""}});
  };
  for (std::string up = Above(name, 1); !up.empty(); up = Above(up, 1)) {
    std::set<std::string> replaced;
    for (const std::string& text : Bare(ours)) {
      replaced.insert(
          absl::StrReplaceAll(text, {{in_text(name), in_text(up)}}));
    }
    if (replaced == Bare(theirs) || SameButCut(replaced, Bare(theirs))) {
      return true;
    }
  }
  return false;
}

Exception NamedAbove() {
  return {"a text under a wildcard names the listed name",
          [](const std::string& name, bool listed, const Reply& ours,
             const Reply& theirs) {
            return listed && NamesOneAbove(name, ours, theirs);
          }};
}

TEST_F(FuzzedDump, IsReadByAllAndAnsweredAsRbldAnswers) {
  Open("\"mixed\", \"names\"");
  MakeReasons();
  ImportAll();
  AddRaw();
  DumpAll();
  ExpectAccepts("/usr/sbin/nsd-checkzone z.test z.test.zone");
  ExpectAccepts("/usr/bin/named-checkzone z.test z.test.zone");
  ExpectAccepts("/usr/bin/named-checkzone -k ignore z.test z.test.zone");
  ExpectAccepts(absl::StrCat(
      "/usr/sbin/rbldnsd -n -d ",
      absl::StrJoin(manifest_["rbldnsd"].get<std::vector<std::string>>(), " "),
      " 2>rbldnsd.warnings"));
  EXPECT_EQ(ReadFile(folder_ + "/dump/rbldnsd.warnings", 1 << 20).value(), "");
  AskAddresses();
  AskNames();
  std::shuffle(names_.begin(), names_.end(), random_);
  if (names_.size() > 14'000) names_.resize(14'000);
  {
    const auto peer = StartRbldnsd();
    ASSERT_NE(peer, nullptr);
    std::vector<Exception> exceptions = RbldnsdExceptions();
    exceptions.push_back(
        {"a TTL is the file's",
         [](const std::string&, bool, const Reply& ours, const Reply& theirs) {
           return ours.rcode == theirs.rcode && Bare(ours) == Bare(theirs);
         }});
    exceptions.push_back(
        {"a text is cut",
         [](const std::string&, bool, const Reply& ours, const Reply& theirs) {
           return ours.rcode == theirs.rcode &&
                  SameButCut(Bare(ours), Bare(theirs));
         }});
    exceptions.push_back(NamedAbove());
    EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  }
  log_.clear();
  const auto peer = StartNsd("z.test.zone");
  ASSERT_NE(peer, nullptr);
  std::vector<Exception> exceptions = NsdExceptions();
  exceptions.push_back({"an exempt name under a wildcard is NODATA",
                        [this](const std::string& name, bool listed,
                               const Reply&, const Reply& theirs) {
                          return !listed && theirs.nodata() &&
                                 exempt_.count(name) > 0;
                        }});
  exceptions.push_back({"a label of only an asterisk",
                        [](const std::string& name, bool, const Reply&,
                           const Reply&) { return HasAsterisk(name); }});
  exceptions.push_back({"a name beside one of an asterisk is NODATA",
                        [this](const std::string& name, bool listed,
                               const Reply&, const Reply& theirs) {
                          return !listed && theirs.nodata() &&
                                 BesideAsterisk(name);
                        }});
  exceptions.push_back({"all that is below it is left out",
                        [this](const std::string& name, bool listed,
                               const Reply& ours, const Reply& theirs) {
                          return !listed && ours.nodata() &&
                                 theirs.rcode == kNxDomain &&
                                 AboveAsterisk(name);
                        }});
  exceptions.push_back(
      {"left out: its last label is one of an address",
       [](const std::string& name, bool, const Reply&, const Reply&) {
         const NameShape shape(name);
         return shape.ends_as_address && !shape.address();
       }});
  exceptions.push_back(NamedAbove());
  EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  EXPECT_GE(names_.size(), 10'000u);
}

}  // namespace
}  // namespace rbld
