// InteropTest: a zone of a real store, answered by rbld and by another name
// server, compared answer for answer. Where a format cannot say what rbld
// answers, the difference has a name, a predicate and a count; anything else
// fails the test.
#ifndef RBLD_TESTS_DUMPS_INTEROP_TEST_BASE_H_
#define RBLD_TESTS_DUMPS_INTEROP_TEST_BASE_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <functional>
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
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/file_util.h"
#include "dns/query_builder.h"
#include "server/answer.h"
#include "server/snapshot.h"
#include "server/zone_table.h"
#include "store/publisher.h"
#include "tests/peers/peer.h"
#include "zones/config.h"
#include "zones/dump.h"
#include "zones/zone_stream.h"

// Last: ldns makes macros of common words.
#include "dns/ldns_packet.h"

namespace rbld {

inline constexpr int kNxDomain = 3;

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

inline Reply ReadReply(absl::string_view bytes) {
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
  bool ipv4 = false;             // four octets
  bool ipv6 = false;             // 32 nibbles
  bool partial_ipv4 = false;     // one to three octets
  bool partial_ipv6 = false;     // 1 to 31 nibbles
  bool ends_as_address = false;  // its last label is an octet or a nibble

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
    const std::string& top = labels.back();
    ends_as_address = (top.size() == 1 && absl::ascii_isxdigit(top[0])) ||
                      (top.size() <= 3 && top.find_first_not_of("0123456789") ==
                                              std::string::npos);
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

inline std::string Ipv4Name(uint32_t a) {
  return absl::StrCat(a & 255, ".", a >> 8 & 255, ".", a >> 16 & 255, ".",
                      a >> 24);
}

inline std::string Ipv6Name(absl::uint128 a) {
  std::string name;
  for (int i = 0; i < 32; ++i) {
    absl::StrAppend(&name, i == 0 ? "" : ".",
                    absl::Hex(absl::Uint128Low64(a >> (4 * i)) & 15));
  }
  return name;
}

// The name without its first `count` labels; empty when none is left.
inline std::string Above(const std::string& name, int count) {
  size_t at = 0;
  for (int i = 0; i < count; ++i) {
    at = name.find('.', at);
    if (at == std::string::npos) return "";
    ++at;
  }
  return name.substr(at);
}

class InteropTest : public testing::Test {
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
    TakeSnapshot();
    DumpOptions options;
    options.directory = absl::StrCat(folder_, "/dump");
    options.formats = std::move(formats);
    const auto summary =
        DumpZone(config_.zones[0], *pin_, 1000, options, nullptr);
    ASSERT_TRUE(summary.ok()) << summary.status();
    manifest_ = nlohmann::json::parse(
        ReadFile(summary->manifest_path, 1 << 20).value());
  }

  // What the store has now is what Ours answers.
  void TakeSnapshot() {
    pin_ = publisher_->Pin();
    const auto table =
        ZoneTable::Build(config_.zones, [](const std::string&) { return 0; });
    ASSERT_TRUE(table.ok()) << table.status();
    snapshot_ = Snapshot::Build(*table, publisher_->view());
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
    // 1 is that of the queries that waited for the peer to start.
    uint16_t id = 1;
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

inline std::vector<Exception> RbldnsdExceptions() {
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

inline std::vector<Exception> NsdExceptions() {
  return {
      {"no address, but under a wildcard",
       [](const std::string& name, bool listed, const Reply&,
          const Reply& theirs) {
         const NameShape shape(name);
         return !listed && shape.ends_as_address && !shape.address() &&
                !shape.partial_ipv6 && theirs.rcode == 0;
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

}  // namespace rbld

#endif  // RBLD_TESTS_DUMPS_INTEROP_TEST_BASE_H_
