// The dumps of a zone with nested ranges, exemptions, several values and both
// families, served by rbldnsd (its own formats) and NSD (the RFC 1035 zone),
// answer as rbld does. Where a format cannot say what rbld answers, the
// difference has a name, a predicate and a count; anything else fails.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/file_util.h"
#include "dns/query_builder.h"
#include "server/answer.h"
#include "server/snapshot.h"
#include "server/zone_table.h"
#include "store/publisher.h"
#include "tests/dumps/peer.h"
#include "zones/byte_source.h"
#include "zones/config.h"
#include "zones/dump.h"
#include "zones/feed_reader.h"
#include "zones/zone_stream.h"

// Last: ldns makes macros of common words.
#include "dns/ldns_packet.h"

namespace rbld {
namespace {

constexpr int kNxDomain = 3;

struct Reply {
  int rcode = -1;
  bool truncated = false;
  std::set<std::string> answers;  // "TTL TYPE RDATA"
  bool listed() const { return !answers.empty(); }
  bool nodata() const { return rcode == 0 && answers.empty(); }
  friend bool operator==(const Reply& a, const Reply& b) {
    return a.rcode == b.rcode && a.answers == b.answers;
  }
  std::string ToString() const {
    return absl::StrCat("rcode ", rcode, " {", absl::StrJoin(answers, " | "),
                        "}");
  }
};

Reply ReadReply(absl::string_view bytes) {
  Reply reply;
  const LdnsPacket packet(reinterpret_cast<const uint8_t*>(bytes.data()),
                          bytes.size());
  if (!packet.ok()) return reply;
  reply.rcode = packet.rcode();
  reply.truncated = packet.tc();
  for (const std::string& line : packet.answers()) {
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::MaxSplits('\t', 4));
    reply.answers.insert(
        absl::StrCat(fields[1], " ", fields[3], " ", fields[4]));
  }
  return reply;
}

// What a name below a zone is, read by code that shares nothing with rbld's.
struct NameShape {
  bool ipv4 = false;          // four octets
  bool ipv6 = false;          // 32 nibbles
  bool partial_ipv4 = false;  // one to three octets
  bool partial_ipv6 = false;  // 1 to 31 nibbles

  explicit NameShape(const std::string& name) {
    const std::vector<std::string> labels = absl::StrSplit(name, '.');
    bool octets = true;
    bool nibbles = true;
    for (const std::string& label : labels) {
      const bool digits =
          label.find_first_not_of("0123456789") == std::string::npos;
      octets = octets && digits && !label.empty() && label.size() <= 3 &&
               atoi(label.c_str()) <= 255 && (label == "0" || label[0] != '0');
      nibbles = nibbles && label.size() == 1 && absl::ascii_isxdigit(label[0]);
    }
    ipv4 = octets && labels.size() == 4;
    partial_ipv4 = octets && labels.size() < 4;
    ipv6 = nibbles && labels.size() == 32;
    partial_ipv6 = nibbles && labels.size() < 32;
  }
  bool address() const { return ipv4 || ipv6; }
};

// A difference that a format cannot help.
struct Exception {
  const char* name;
  // `listed`: rbld answers A for the name, whatever the type asked for is.
  std::function<bool(const std::string& name, bool listed, const Reply& ours,
                     const Reply& theirs)>
      holds;
  int count = 0;
};

std::string Ipv4Name(uint32_t a) {
  return absl::StrCat(a & 255, ".", a >> 8 & 255, ".", a >> 16 & 255, ".",
                      a >> 24);
}

std::string Ipv6Name(absl::uint128 a) {
  std::string name;
  for (int i = 0; i < 32; ++i) {
    absl::StrAppend(&name, i == 0 ? "" : ".",
                    absl::Hex(absl::Uint128Low64(a >> (4 * i)) & 15));
  }
  return name;
}

// The name without its first `count` labels; empty when none is left.
std::string Above(const std::string& name, int count) {
  size_t at = 0;
  for (int i = 0; i < count; ++i) {
    at = name.find('.', at);
    if (at == std::string::npos) return "";
    ++at;
  }
  return name.substr(at);
}

class DumpInterop : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(
        getenv("TEST_TMPDIR"), "/",
        testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_TRUE(MakeDirectories(folder_).ok());
  }

  void Open(const std::string& kind, const std::string& more = "") {
    const auto config = ParseConfig(
        absl::StrCat("[store]\ndirectory = \"", folder_,
                     "/store\"\n[server]\nlisten = [\"127.0.0.1\"]\n"
                     "[[list]]\nname = \"a\"\nallow_special_purpose = true\n"
                     "min_ipv6_prefix = 8\n"
                     "[[list]]\nname = \"b\"\nallow_special_purpose = true\n"
                     "[[zone]]\nname = \"z.test\"\nkind = [",
                     kind,
                     "]\nlists = [\"a\", \"b\"]\nns = [\"ns.example.org\"]\n",
                     more),
        "rbld.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *config;
    PublisherOptions options;
    options.directory = config_.store_directory;
    options.clock = &clock_;
    auto publisher =
        Publisher::Open(options, ListSpecs(config_), ZoneSpecs(config_));
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
  }

  void Add(const std::string& list, const std::string& target,
           ValueSet values) {
    Change change;
    change.list = list;
    change.target = Target::Parse(target).value();
    change.values = std::move(values);
    request_.changes.push_back(std::move(change));
  }

  void Exempt(const std::string& list, const std::string& target) {
    Change change;
    change.verb = Change::Verb::kExempt;
    change.list = list;
    change.source = "";
    change.target = Target::Parse(target).value();
    request_.changes.push_back(std::move(change));
  }

  // Commits what was added, and dumps and serves it.
  void Commit(std::vector<DumpFormat> formats) {
    request_.actor = "test";
    request_.request = "test";
    const auto result = publisher_->Apply(request_);
    ASSERT_TRUE(result.ok()) << result.status();
    pin_ = publisher_->Pin();
    const auto table =
        ZoneTable::Build(config_.zones, [](const std::string&) { return 0; });
    ASSERT_TRUE(table.ok()) << table.status();
    snapshot_ = Snapshot::Build(*table, publisher_->view());

    DumpOptions options;
    options.directory = absl::StrCat(folder_, "/dump");
    options.formats = std::move(formats);
    const auto summary =
        DumpZone(config_.zones[0], *pin_, 1000, options, nullptr);
    ASSERT_TRUE(summary.ok()) << summary.status();
    manifest_ = nlohmann::json::parse(
        ReadFile(summary->manifest_path, 1 << 20).value());
  }

  std::unique_ptr<Peer> StartRbldnsd() {
    auto peer = Peer::StartRbldnsd(
        folder_ + "/dump",
        manifest_["rbldnsd"].get<std::vector<std::string>>());
    EXPECT_TRUE(peer.ok()) << peer.status();
    return peer.ok() ? *std::move(peer) : nullptr;
  }

  std::unique_ptr<Peer> StartNsd(const std::string& file) {
    auto peer = Peer::StartNsd(folder_ + "/dump", "z.test", file);
    EXPECT_TRUE(peer.ok()) << peer.status();
    return peer.ok() ? *std::move(peer) : nullptr;
  }

  Reply Ours(const std::string& query) const {
    Request request;
    request.message = reinterpret_cast<const uint8_t*>(query.data());
    request.message_bytes = query.size();
    request.transport = Transport::kTcp;
    std::string out(kTcpReplyBytes, '\0');
    Outcome outcome;
    const size_t bytes = Answer(
        *snapshot_, request, reinterpret_cast<uint8_t*>(out.data()), &outcome);
    return ReadReply(absl::string_view(out.data(), bytes));
  }

  // Asks both for all names, A and TXT, and gives the number of answers that
  // differ without an exception's holding.
  int Compare(Peer* peer, std::vector<Exception>* exceptions) {
    int unexplained = 0;
    int listed = 0;
    int asked = 0;
    uint16_t id = 0;
    for (const std::string& name : names_) {
      bool name_listed = false;
      for (const RrType type : {RrType::kA, RrType::kTxt}) {
        const std::string query = QueryBuilder(++id)
                                      .Question(name + ".z.test", type)
                                      .Opt(4096)
                                      .message();
        const Reply ours = Ours(query);
        const auto bytes = peer->Ask(query);
        EXPECT_TRUE(bytes.ok()) << name << ": " << bytes.status();
        if (!bytes.ok()) return -1;
        const Reply theirs = ReadReply(*bytes);
        ++asked;
        if (type == RrType::kA && ours.listed()) {
          ++listed;
          name_listed = true;
        }
        if (ours == theirs) continue;
        bool explained = false;
        for (Exception& exception : *exceptions) {
          if (exception.holds(name, name_listed, ours, theirs)) {
            ++exception.count;
            explained = true;
            break;
          }
        }
        if (explained) continue;
        if (++unexplained <= 20) {
          log_ += absl::StrCat(name, type == RrType::kA ? " A" : " TXT",
                               ": rbld ", ours.ToString(), ", the other ",
                               theirs.ToString(), "\n");
        }
      }
    }
    printf("%d queries of %d names, %d listed (%.0f %%), %d unexplained\n",
           asked, static_cast<int>(names_.size()), listed,
           100.0 * listed / static_cast<double>(names_.size()), unexplained);
    for (const Exception& exception : *exceptions) {
      printf("  exception: %s: %d\n", exception.name, exception.count);
    }
    listed_ = listed;
    return unexplained;
  }

  void Ask(const std::string& name) {
    if (!name.empty() && name.size() < 200 && seen_.insert(name).second) {
      names_.push_back(name);
    }
  }

  // The edges of every run, ± 1, and addresses inside: many of a wide run.
  void AskRuns(int inside) {
    ZoneStream stream(config_.zones[0], *pin_);
    std::vector<uint32_t> ipv4;
    const auto ask_ipv4 = [&](uint32_t first, uint32_t last, AnswerId) {
      Ask(Ipv4Name(first));
      Ask(Ipv4Name(last));
      if (first != last || random_() % 4 == 0) {
        Ask(Ipv4Name(first - 1));
        Ask(Ipv4Name(last + 1));
      }
      const uint64_t span = uint64_t{last} - first + 1;
      for (int i = 0; i < (span > 16 ? inside : 0); ++i) {
        const uint32_t a = first + static_cast<uint32_t>(random_() % span);
        Ask(Ipv4Name(a));
        if (i % 8 == 0) ipv4.push_back(a);
      }
      if (random_() % 16 == 0) ipv4.push_back(first);
      return absl::OkStatus();
    };
    ASSERT_TRUE(stream.Ipv4(ask_ipv4).ok());
    std::vector<absl::uint128> ipv6;
    const auto ask_ipv6 = [&](absl::uint128 first, absl::uint128 last,
                              AnswerId) {
      for (const absl::uint128 a : {first, last, first - 1, last + 1}) {
        Ask(Ipv6Name(a));
      }
      const absl::uint128 span = last - first + 1;
      for (int i = 0; i < (span > 16 ? inside : 0); ++i) {
        const absl::uint128 a =
            first + absl::MakeUint128(random_(), random_()) % span;
        Ask(Ipv6Name(a));
        if (i % 8 == 0) ipv6.push_back(a);
      }
      if (random_() % 16 == 0) ipv6.push_back(first);
      return absl::OkStatus();
    };
    ASSERT_TRUE(stream.Ipv6(ask_ipv6).ok());
    // Every partial depth, deeper names and labels that are no octets.
    std::shuffle(ipv4.begin(), ipv4.end(), random_);
    std::shuffle(ipv6.begin(), ipv6.end(), random_);
    for (size_t i = 0; i < ipv4.size() && i < 150; ++i) {
      const std::string name = Ipv4Name(ipv4[i]);
      for (int depth = 1; depth < 4; ++depth) Ask(Above(name, depth));
      if (i >= 40) continue;
      for (const char* label : {"x", "1", "256", "01"}) {
        for (int depth = 0; depth < 3; ++depth) {
          Ask(absl::StrCat(label, ".", Above(name, depth)));
        }
      }
    }
    for (size_t i = 0; i < ipv6.size() && i < 30; ++i) {
      const std::string name = Ipv6Name(ipv6[i]);
      for (int depth = 1; depth < 32; ++depth) Ask(Above(name, depth));
      for (const char* label : {"1", "x", "10"}) {
        for (int depth = 0; depth < 3; ++depth) {
          Ask(absl::StrCat(label, ".", Above(name, depth)));
        }
      }
    }
  }

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

  FakeClock clock_{1000};
  std::mt19937_64 random_{20240501};
  std::string folder_;
  Config config_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<PinnedStore> pin_;
  std::shared_ptr<const Snapshot> snapshot_;
  ChangeRequest request_;
  nlohmann::json manifest_;
  std::vector<std::string> names_;
  std::set<std::string> seen_;
  std::string log_;
  int listed_ = 0;
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

std::vector<Exception> RbldnsdExceptions() {
  return {
      {"empty non-terminals are NXDOMAIN",
       [](const std::string& name, bool listed, const Reply& ours,
          const Reply& theirs) {
         // An unlisted IPv4 address can be the end of IPv6 names too.
         const NameShape shape(name);
         return !listed && (!shape.address() || shape.partial_ipv6) &&
                ours.nodata() && theirs.rcode == kNxDomain;
       }},
      {"octets may begin with a zero",
       [](const std::string& name, bool listed, const Reply&, const Reply&) {
         return !listed && absl::StartsWith(name, "01.") &&
                NameShape(name.substr(1)).ipv4;
       }},
  };
}

std::vector<Exception> NsdExceptions() {
  return {
      {"no address, but under a wildcard",
       [](const std::string& name, bool listed, const Reply&,
          const Reply& theirs) {
         const NameShape shape(name);
         return !listed && !shape.address() && !shape.partial_ipv6 &&
                theirs.rcode == 0;
       }},
      {"partial IPv6 name under a wildcard",
       [](const std::string& name, bool listed, const Reply& ours,
          const Reply& theirs) {
         const NameShape shape(name);
         return !listed && !shape.address() && shape.partial_ipv6 &&
                ours.nodata() && theirs.listed();
       }},
  };
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

TEST_F(DumpInterop, RbldnsdAndNsdAnswerNamesAsRbld) {
  Open("\"names\"",
       "records = [\"www.spam.example 60 A 192.0.2.2\", \"info 60 TXT "
       "\\\"x\\\"\"]\n");
  FillNames();
  Commit({DumpFormat::kDnset, DumpFormat::kRfc1035});
  ZoneStream stream(config_.zones[0], *pin_);
  ASSERT_TRUE(stream
                  .Names([&](const ZoneName& node) {
                    const std::string name = NameText(node.reversed_wire);
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
  std::vector<Exception> exceptions = {
      {"an exempt name under a wildcard is NODATA",
       [](const std::string& name, bool, const Reply& ours,
          const Reply& theirs) {
         return ours.rcode == kNxDomain && theirs.nodata() &&
                (name == "clean.spam.example" || absl::StartsWith(name, "no."));
       }}};
  EXPECT_EQ(Compare(peer.get(), &exceptions), 0) << log_;
  EXPECT_GE(listed_ * 100, 40 * static_cast<int>(names_.size()));
}

// Feeds in rbldnsd's own formats: rbldnsd loads the file, rbld imports it, and
// both answer the same.
struct FeedCase {
  FeedFormat format;
  const char* kind;
  const char* text;
};

class FeedInterop : public DumpInterop,
                    public testing::WithParamInterface<FeedCase> {};

constexpr char kFeedHead[] =
    "$SOA 3600 ns.example.org hostmaster.z.test 0 1h 1h 1h 1m\n"
    "$NS 1d ns.example.org\n$TTL 300\n";

constexpr char kIpv4Feed[] = R"(# comment
1.2.3.4
:3:default $
1.2.3.5
1.2.3.6 :4
1.2.3.7 :5:
1.2.3.8 own text; # stays
1.2.3.9 :6: spaced text  
1.2.3.10:7:direct
1.2.3.11 # comment
1.2.3.12 :8:# text
  1.2.3.13 leading blanks
1.2.3.14 =equals
1.2.3.15 ==equals
1.2.3.16 $$ $ $7 $$$
1.2.4.0/24 net
1.2.5 abbreviated
1.3 abbreviated
20/8 eight
1.2.4.0/25 :9:half
1.2.4.7 :10:one
!1.2.4.8
!1.2.4.64/28
!20.30.40.0/24
20.30.40.50 :11:inside an exclusion
20.30.40.128/25 :12:half inside
20.31.0.0/16 :13:sixteen
20.31.5.0/24 :14:twentyfour
bad line
1.2.3.256
1.2.6.1/24 host bits
1.2.7.1 :x:bad value
21
1.2.8.1 :16 # comment
:15
1.2.8.5
:16:
1.2.8.6
1.2.8.7 text
)";

constexpr char kVariablesFeed[] = R"($1 variable one $ raw
#$2 two
:$3 three
1.2.8.1 $1 and $2$3 and $4
:2:default $1
1.2.8.2
)";

constexpr char kBaseFeed[] = R"($1 variable one
$= base $= of $, $1
1.2.8.2 entry $ $$
1.2.8.3
1.2.8.4 =no base $1 $
1.2.8.5 :4:
1.2.8.6 :5
:6:default $
1.2.8.7
1.2.8.8 :7:
)";

constexpr char kIp4SetFeed[] = R"(:2:set $
10.1.0.0/16
10.1.2.0/24 :3:
10.1.2.3 :4:
10.1.2.3 :5:
10.1.3.0/25 :6:expands
10.1.3.7 :7:ties
!10.1.4.0/25
10.1.4.7 :8:in it
!10.1.4.7
10.1.5.0-10.1.6.127 :9:range
10.1.7.1-9 :10:suffix
10.2-10.3 :11:two sixteens
10.4-5 :12:suffix
10.9.8.0/23 :13:two
!10.9.9
10.9.9.77 :14:back again
)";

constexpr char kIp4TsetFeed[] = R"(:5:tset $
1.2.3.4 own
!1.2.3.5
1.2.3.6/32
1.2.3
1.2.3.8 :9:x
:6:other
1.2.3.9
)";

constexpr char kIp6TrieFeed[] = R"(:2:trie $
2a01:21ab:c000/36 a
2a01:21ab:def7:4242 :3:b
2a05:6001:42::/52 c
!2a05:6001:42::bead
2a07:: e
2a08:1:2:: f
2a01:21ab:c000/36 second
2a09:1::1:2/112 host bits
2a0a:0:0:0:0:0:0:5 i
2a0b
2a0c/16
2a0d:1
)";

constexpr char kIp6TsetFeed[] = R"(:5:tset $
2a01:20fe:23:41ed
!2a01:20fe:23:41ed::2
2a01:20fe:24:41ed::/64
2a01:20fe:25::
2a01:20fe:26:1 :9:own
!2a01:20fe:26:1
2a01:20fe:27:1:1
)";

constexpr char kDnsetFeed[] = R"(:2:name
x.example $ one
x.example :3:two
*.y.example
.z.example :4:
!ok.z.example
!*.no.z.example
.no.z.example no
UP.example up
a.y.example :5:exact
.deep.y.example :6:deeper
!.gone.deep.y.example
tld only
)";

TEST_P(FeedInterop, RbldnsdAndRbldReadTheSameFile) {
  Open(GetParam().kind);
  const std::string text = absl::StrCat(kFeedHead, GetParam().text);
  const std::string folder = folder_ + "/dump";
  ASSERT_TRUE(MakeDirectories(folder).ok());
  ASSERT_TRUE(WriteFileAtomically(folder + "/feed", text).ok());

  FeedOptions feed_options;
  feed_options.format = GetParam().format;
  feed_options.default_values = {{0x7f000002, "", 0}};
  Import import(ListSpecs(config_)[0].policy);
  const auto source = StringSource(text);
  ASSERT_TRUE(ReadFeed(source.get(), feed_options, &import).ok());
  ImportOptions import_options;
  import_options.list = "a";
  import_options.source = "feed";
  import_options.precedence = PrecedenceOf(GetParam().format);
  import_options.force = true;
  const auto summary =
      publisher_->RunImport(std::move(import), import_options, nullptr);
  ASSERT_TRUE(summary.ok()) << summary.status();
  pin_ = publisher_->Pin();
  const auto table =
      ZoneTable::Build(config_.zones, [](const std::string&) { return 0; });
  ASSERT_TRUE(table.ok());
  snapshot_ = Snapshot::Build(*table, publisher_->view());

  AskRuns(20);
  ZoneStream stream(config_.zones[0], *pin_);
  ASSERT_TRUE(stream
                  .Names([&](const ZoneName& node) {
                    const std::string name = NameText(node.reversed_wire);
                    for (const char* below : {"", "q.", "q.r.", "ok."}) {
                      Ask(absl::StrCat(below, name));
                    }
                    return absl::OkStatus();
                  })
                  .ok());
  // The addresses of the lines that are rejected, too.
  for (uint32_t c = 1; c < 9; ++c) {
    for (uint32_t d = 0; d < 32; ++d) Ask(absl::StrCat(d, ".", c, ".2.1"));
  }
  const std::string dataset =
      absl::StrCat("z.test:", FeedFormatName(GetParam().format), ":feed");
  const auto peer = Peer::StartRbldnsd(folder, {dataset});
  ASSERT_TRUE(peer.ok()) << peer.status();
  std::vector<Exception> exceptions = RbldnsdExceptions();
  exceptions.push_back(
      {"rbld's test entries",
       [](const std::string& name, bool, const Reply&, const Reply&) {
         return name == "2.0.0.127" || name == "test" ||
                absl::StartsWith(name, "2.0.0.0.0.0.f.7.f.f.f.f.0");
       }});
  EXPECT_EQ(Compare(peer->get(), &exceptions), 0) << log_;
  EXPECT_GE(listed_, 3);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, FeedInterop,
    testing::Values(FeedCase{FeedFormat::kIp4Set, "\"ipv4\"", kIpv4Feed},
                    FeedCase{FeedFormat::kIp4Set, "\"ipv4\"", kIp4SetFeed},
                    FeedCase{FeedFormat::kIp4Trie, "\"ipv4\"", kIpv4Feed},
                    FeedCase{FeedFormat::kIp4Trie, "\"ipv4\"", kVariablesFeed},
                    FeedCase{FeedFormat::kIp4Set, "\"ipv4\"", kBaseFeed},
                    FeedCase{FeedFormat::kIp4Tset, "\"ipv4\"", kIp4TsetFeed},
                    FeedCase{FeedFormat::kIp6Trie, "\"ipv6\"", kIp6TrieFeed},
                    FeedCase{FeedFormat::kIp6Tset, "\"ipv6\"", kIp6TsetFeed},
                    FeedCase{FeedFormat::kDnset, "\"names\"", kDnsetFeed}));

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

}  // namespace
}  // namespace rbld
