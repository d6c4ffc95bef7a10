// The dumps of zones with nested ranges, exemptions, several values and both
// families, served by rbldnsd (its own formats) and NSD (the RFC 1035 zone).
#include <string>
#include <vector>

#include "tests/dumps/interop_test_base.h"
#include "zones/rfc1035_text.h"

namespace rbld {
namespace {

class DumpInterop : public InteropTest {
 protected:
  // Both families meet in names of one-digit labels: every such IPv4 address
  // of 2.0.0.0/23 and its surroundings, and the IPv6 names that end in them.
  void AskCollisions() {
    for (uint32_t c = 0; c < 3; ++c) {
      for (uint32_t d = 0; d < 12; ++d) {
        const std::string name = Ipv4Name(uint32_t{2} << 24 | c << 8 | d);
        Ask(name);
        for (const char* more : {"d.", "0.", "8.b.d.", "1.0.0."}) {
          Ask(absl::StrCat(more, name));
        }
        if (d > 9) continue;
        std::string filled = name;
        for (int i = 0; i < 28; ++i) {
          filled = absl::StrCat(absl::Hex(random_() % 16), ".", filled);
        }
        Ask(filled);
      }
    }
    for (const char* name : {"2", "0.2", "0.0.2", "1.0.0.2", "3", "4.3",
                             "5.4.3", "6.5.4.3", "0.0.12", "0.12", "12"}) {
      Ask(name);
    }
  }

  void AskAll() {
    AskRuns(160);
    AskCollisions();
    for (int i = 0; i < 2500; ++i) {
      Ask(Ipv4Name(static_cast<uint32_t>(random_())));
    }
  }

  void FillAddresses();
  void FillNames();
  void AskNames();
};

void DumpInterop::FillAddresses() {
  const ValueSet plain = {{0x7f000002, "plain text", 0}};
  const ValueSet other = {{0x7f000003, "other \"text\" \\ ; # =", 120}};
  const ValueSet several = {
      {0x7f000002, "two", 0}, {0x7f000004, "=four", 0}, {0x7f000005, "", 0}};
  const ValueSet subject = {{0x7f000002, "see https://x.test/$?a=$$", 0}};
  const ValueSet bare = {{0x7f00000a, "", 0}};
  // Nested ranges with holes.
  Add("a", "10.0.0.0/16", plain);
  Add("a", "10.0.5.7", several);
  Add("a", "10.0.6.0/24", other);
  Add("a", "10.0.6.128/25", several);
  Exempt("a", "10.0.7.0/28");
  Exempt("a", "10.0.8.9");
  Add("a", "10.1.0.0/25", subject);
  Add("b", "10.0.6.64/26", bare);
  Add("b", "10.0.200.0/23", other);
  Add("a", "172.16.0.0/22", bare);
  Exempt("a", "172.16.1.77");
  // Octets that are nibbles too, beside IPv6 prefixes of the same letters.
  Add("a", "2.0.0.0/24", plain);
  Exempt("a", "2.0.0.7");
  Add("a", "2.0.1.0/24", several);
  Add("a", "3.4.5.6", subject);
  Add("a", "12.0.0.0/24", plain);
  Add("a", "2001:db8::/32", plain);
  Exempt("a", "2001:db8::5");
  Exempt("a", "2001:db8:aaaa::/49");
  Add("a", "2001:db8:1::/48", several);
  Add("a", "2001:db8:2::/127", subject);
  Add("b", "2001:db8:3:4::/62", other);
  Add("a", "2000::/12", bare);
  Exempt("a", "2002::/16");
  Add("a", "3405:6::/35", plain);
  Add("b", "2a00:1:2:3::/66", other);
  // And many single ones.
  for (int i = 0; i < 1200; ++i) {
    const auto a = static_cast<uint32_t>(random_() % 0x00ffffff);
    const ValueSet& values = i % 4 == 0   ? several
                             : i % 4 == 1 ? subject
                             : i % 4 == 2 ? bare
                                          : plain;
    Add(i % 5 == 0 ? "b" : "a",
        IpPrefix::FromIpv4((i % 2 == 0 ? 0x50000000 : 0x51000000) + a)
            .ToString(),
        values);
  }
  for (int i = 0; i < 300; ++i) {
    AddressBytes bytes = {0x2a, 0x01};
    for (size_t j = 2; j < bytes.size(); ++j) {
      bytes[j] = static_cast<uint8_t>(random_() % (j < 5 ? 4 : 256));
    }
    Add("a", IpPrefix::Make(Family::kIpv6, bytes, 128).ToString(),
        i % 2 == 0 ? subject : several);
  }
}

TEST_F(DumpInterop, RbldnsdAnswersAddressesAsRbld) {
  Open("\"mixed\"");
  FillAddresses();
  Commit({DumpFormat::kIp4Trie, DumpFormat::kIp6Trie});
  AskAll();
  const auto peer = StartRbldnsd();
  ASSERT_NE(peer, nullptr);
  std::vector<Exception> exceptions = RbldnsdExceptions();
  EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  EXPECT_GE(names_.size(), 10000u);
  EXPECT_GE(listed_ * 100, 40 * static_cast<int>(names_.size()));
}

TEST_F(DumpInterop, NsdAnswersAddressesAsRbld) {
  Open("\"mixed\"",
       "records = [\"@ 60 A 192.0.2.1\", \"www 60 A 192.0.2.2\", "
       "\"www 60 TXT \\\"x\\\"\", \"deep.er CNAME www\"]\n");
  FillAddresses();
  Commit({DumpFormat::kRfc1035});
  AskAll();
  for (const char* name : {"www", "x.www", "er", "x.er", "nothing"}) Ask(name);
  const auto peer = StartNsd("z.test.zone");
  ASSERT_NE(peer, nullptr);
  std::vector<Exception> exceptions = NsdExceptions();
  EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  EXPECT_GE(names_.size(), 10000u);
  EXPECT_GE(listed_ * 100, 40 * static_cast<int>(names_.size()));
}

void DumpInterop::FillNames() {
  const ValueSet plain = {{0x7f000102, "spam", 0}};
  const ValueSet several = {{0x7f000102, "two", 0}, {0x7f000104, "four", 90}};
  const ValueSet subject = {{0x7f000105, "see $", 0}};
  Add("a", ".spam.example", plain);
  Add("a", "deep.er.spam.example", several);
  Add("a", "*.wild.example", several);
  Add("a", "one.wild.example", plain);
  Exempt("a", "ok.spam.example");
  Exempt("a", ".clean.spam.example");
  Exempt("a", "*.half.spam.example");
  Add("a", "bad.clean.spam.example", plain);
  Add("b", ".union.spam.example", plain);
  Add("b", "*.wild.example", {{0x7f000109, "", 0}});
  Add("a", ".tld", plain);
  for (int i = 0; i < 600; ++i) {
    Add("a", absl::StrCat("n", i, ".d", i % 40, ".example"),
        i % 3 == 0 ? subject : plain);
  }
  for (int i = 0; i < 60; ++i) {
    Add("a", absl::StrCat(".w", i, ".d", i % 40, ".example"),
        i % 2 == 0 ? several : plain);
    Add("b", absl::StrCat("x.y.w", i, ".d", i % 40, ".example"), several);
    if (i % 4 == 0) {
      Exempt("a", absl::StrCat(".no.w", i, ".d", i % 40, ".example"));
    }
  }
}

// Each node, names below and around it, and those above.
void DumpInterop::AskNames() {
  ZoneStream stream(config_.zones[0], *pin_);
  ASSERT_TRUE(stream
                  .Names([&](const ZoneName& node) {
                    const std::string name = SubjectOfName(node.reversed_wire);
                    for (const char* below :
                         {"", "q.", "ok.", "y.", "q.no.", "Q.www."}) {
                      Ask(absl::StrCat(below, name));
                    }
                    for (int i = 0; i < (node.below != 0 ? 50 : 0); ++i) {
                      Ask(absl::StrCat("r", random_() % 1000, ".",
                                       i % 2 == 0 ? "s." : "", name));
                    }
                    for (std::string up = Above(name, 1); !up.empty();
                         up = Above(up, 1)) {
                      Ask(up);
                      Ask(absl::StrCat("zz.", up));
                    }
                    return absl::OkStatus();
                  })
                  .ok());
  for (const char* name : {"test", "invalid", "x.test", "x.invalid", "info",
                           "www.spam.example", "q.www.spam.example"}) {
    Ask(name);
  }
}

Exception ExemptNames() {
  return {
      "an exempt name under a wildcard is NODATA",
      [](const std::string& name, bool listed, const Reply& ours,
         const Reply& theirs) {
        return !listed && ours.rcode == kNxDomain && theirs.nodata() &&
               (name == "clean.spam.example" || absl::StartsWith(name, "no."));
      }};
}

TEST_F(DumpInterop, RbldnsdAndNsdAnswerNamesAsRbld) {
  Open("\"names\"",
       "records = [\"www.spam.example 60 A 192.0.2.2\", \"info 60 TXT "
       "\\\"x\\\"\"]\n");
  FillNames();
  Commit({DumpFormat::kDnset, DumpFormat::kRfc1035});
  AskNames();
  {
    const auto peer = StartRbldnsd();
    ASSERT_NE(peer, nullptr);
    std::vector<Exception> exceptions = RbldnsdExceptions();
    exceptions.push_back(
        {"static records are not in it",
         [](const std::string& name, bool, const Reply&, const Reply&) {
           return name == "info" || absl::EndsWith(name, "www.spam.example");
         }});
    EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  }
  log_.clear();
  const auto peer = StartNsd("z.test.zone");
  ASSERT_NE(peer, nullptr);
  std::vector<Exception> exceptions = {ExemptNames()};
  EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  EXPECT_GE(listed_ * 100, 40 * static_cast<int>(names_.size()));
}

TEST_F(DumpInterop, AnEmptyPeerDoesNotPass) {
  Open("\"mixed\"");
  FillAddresses();
  Commit({DumpFormat::kIp4Trie, DumpFormat::kRfc1035});
  AskRuns(0);
  names_.resize(300);
  const std::string folder = folder_ + "/dump/";
  const auto head = [&](const std::string& file, int lines) {
    const std::string text = ReadFile(folder + file, 1 << 26).value();
    size_t at = 0;
    for (int i = 0; i < lines; ++i) at = text.find('\n', at) + 1;
    EXPECT_TRUE(WriteFileAtomically(folder + "empty", text.substr(0, at)).ok());
  };
  head("z.test.zone", 3);
  {
    const auto peer = StartNsd("empty");
    ASSERT_NE(peer, nullptr);
    std::vector<Exception> exceptions = NsdExceptions();
    EXPECT_GT(Compare(peer.get(), &exceptions), 100);
  }
  head("z.test.ip4trie", 3);
  auto peer = Peer::StartRbldnsd(folder, {"z.test:ip4trie:empty"});
  ASSERT_TRUE(peer.ok()) << peer.status();
  std::vector<Exception> exceptions = RbldnsdExceptions();
  EXPECT_GT(Compare(peer->get(), &exceptions), 100);
}

TEST_F(DumpInterop, NsdAnswersAZoneOfAddressesAndNamesAsRbld) {
  Open("\"mixed\", \"names\"");
  FillAddresses();
  FillNames();
  Commit({DumpFormat::kRfc1035});
  AskRuns(8);
  AskCollisions();
  AskNames();
  const auto peer = StartNsd("z.test.zone");
  ASSERT_NE(peer, nullptr);
  std::vector<Exception> exceptions = NsdExceptions();
  exceptions.push_back(ExemptNames());
  EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
}

TEST_F(DumpInterop, LongReasonsAreSplitByNsdsAndCutByRbldnsds) {
  Open("\"ipv4\"");
  for (const int bytes : {250, 254, 255, 256, 510, 600, 3000, 4096}) {
    Add("a", absl::StrCat("10.0.0.", bytes % 251),
        {{0x7f000002, std::string(static_cast<size_t>(bytes), 'r'), 0}});
  }
  Add("a", "10.0.1.1", {{0x7f000002, std::string(245, 'r') + " for $", 0}});
  Commit({DumpFormat::kIp4Trie, DumpFormat::kRfc1035});
  AskRuns(0);
  {
    const auto peer = StartRbldnsd();
    ASSERT_NE(peer, nullptr);
    std::vector<Exception> exceptions = {
        {"reasons are cut at 255 bytes",
         [](const std::string&, bool listed, const Reply& ours,
            const Reply& theirs) {
           if (!listed || ours.answers.size() != 1 ||
               theirs.answers.size() != 1) {
             return false;
           }
           // Both end in a quotation mark.
           std::string start = *theirs.answers.begin();
           start.pop_back();
           return start.size() > 250 &&
                  absl::StartsWith(*ours.answers.begin(), start);
         }},
        {"empty non-terminals are NXDOMAIN",
         [](const std::string& name, bool listed, const Reply& ours,
            const Reply& theirs) {
           return !listed && !NameShape(name).address() && ours.nodata() &&
                  theirs.rcode == kNxDomain;
         }}};
    EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
    EXPECT_GT(exceptions[0].count, 3);
  }
  const auto peer = StartNsd("z.test.zone");
  ASSERT_NE(peer, nullptr);
  std::vector<Exception> exceptions = {
      {"over what UDP carries", [](const std::string&, bool listed,
                                   const Reply& ours, const Reply& theirs) {
         return listed && theirs.truncated && ours.answers.size() == 1 &&
                ours.answers.begin()->size() > 4000;
       }}};
  EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  EXPECT_EQ(exceptions[0].count, 1);
}

}  // namespace
}  // namespace rbld
