// Answers queries of one shape after the other in this process, so that
// callgrind can count what each costs. instructions_test.py runs it.
//
//   valgrind --tool=callgrind --callgrind-out-file=FILE instructions_main
//
// One line for each shape, "NAME QUERIES"; callgrind's part files FILE.1,
// FILE.2, … are in the same order.
#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/query_builder.h"
#include "server/answer.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

constexpr uint32_t kListings = 20'000;
constexpr int kQueries = 1024;
// As in a full batch of the server.
constexpr int kGroup = 16;
constexpr char kZone[] = "relays.bench.test";
// The same list, but names too: the general path's.
constexpr char kGeneralZone[] = "both.bench.test";
constexpr char kIpv6Zone[] = "ipv6.bench.test";
constexpr char kNameZone[] = "names.bench.test";

// Spread over the ordinary space, each its own; odd ones are listed.
uint32_t AddressOf(uint32_t number) {
  return 0x0b000000 + number * 2'654'435U % 0x40000000;
}

std::string NetworkOf(uint32_t number) {
  const uint32_t address = AddressOf(number);
  return absl::StrCat("2001:", absl::Hex(address >> 16), ":",
                      absl::Hex(address & 0xffff), ":7::");
}

std::string HostOf(uint32_t number) {
  return absl::StrCat(NetworkOf(number), absl::Hex(number));
}

std::string DomainOf(uint32_t number) {
  return absl::StrCat("domain-", AddressOf(number),
                      number % 3 == 0 ? ".net" : ".com");
}

// As they are asked for below a zone.
std::string Ipv4Labels(uint32_t number) {
  const uint32_t address = AddressOf(number);
  return absl::StrCat(address & 255, ".", address >> 8 & 255, ".",
                      address >> 16 & 255, ".", address >> 24, ".");
}

std::string Ipv6Labels(uint32_t number) {
  const AddressBytes bytes = ParseIpPrefix(HostOf(number))->bytes;
  std::string labels;
  for (size_t i = bytes.size(); i-- > 0;) {
    absl::StrAppend(&labels, absl::Hex(bytes[i] & 15), ".",
                    absl::Hex(bytes[i] >> 4), ".");
  }
  return labels;
}

std::string NameLabels(uint32_t number) {
  return absl::StrCat(DomainOf(number), ".");
}

void AnswerAll(const Snapshot& snapshot,
               const std::vector<std::string>& queries) {
  uint8_t out[kUdpReplyBytes];
  PreparedQuery prepared[kGroup];
  Request requests[kGroup];
  for (int first = 0; first < kQueries; first += kGroup) {
    for (int i = 0; i < kGroup; ++i) {
      const std::string& query = queries[first + i];
      requests[i].message = reinterpret_cast<const uint8_t*>(query.data());
      requests[i].message_bytes = query.size();
    }
    PrepareAnswers(snapshot, requests, prepared);
    for (int i = 0; i < kGroup; ++i) {
      Outcome outcome;
      FinishAnswer(requests[i], prepared[i], out, &outcome);
    }
  }
}

int Main() {
  TestSnapshot builder;
  builder.AddZone(TestZone(kZone));
  ZoneConfig general = TestZone(kGeneralZone);
  general.has_names = true;
  builder.AddZone(general);
  ZoneConfig ipv6 = TestZone(kIpv6Zone);
  ipv6.has_ipv4 = false;
  ipv6.lists = {"ipv6"};
  builder.AddZone(ipv6);
  ZoneConfig names = TestZone(kNameZone);
  names.has_ipv4 = names.has_ipv6 = false;
  names.has_names = true;
  names.lists = {"names"};
  builder.AddZone(names);
  const ValueSet values = {
      {0x7f000002, "Open relay, see https://bench.test/$", 0}};
  for (uint32_t i = 1; i < 2 * kListings; i += 2) {
    builder.Add("list", IpPrefix::FromIpv4(AddressOf(i)).ToString(), values);
    builder.Add("ipv6",
                i % 4 == 1 ? absl::StrCat(NetworkOf(i), "/64") : HostOf(i),
                values);
    builder.Add("names", absl::StrCat(i % 4 == 1 ? "." : "", DomainOf(i)),
                values);
  }
  const std::shared_ptr<const Snapshot> snapshot = builder.Build();
  struct Shape {
    const char* name;
    uint32_t first;  // 1: listed; 0: not
    RrType type;
    bool edns;
    const char* zone = kZone;
    std::string (*labels)(uint32_t number) = Ipv4Labels;
  };
  constexpr Shape kShapes[] = {
      {"A-listed", 1, RrType::kA, false},
      {"A-unlisted", 0, RrType::kA, false},
      {"TXT-listed", 1, RrType::kTxt, false},
      {"A-listed-EDNS", 1, RrType::kA, true},
      {"A-unlisted-EDNS", 0, RrType::kA, true},
      {"A-listed-general", 1, RrType::kA, false, kGeneralZone},
      {"IPv6-listed", 1, RrType::kA, false, kIpv6Zone, Ipv6Labels},
      {"IPv6-unlisted", 0, RrType::kA, false, kIpv6Zone, Ipv6Labels},
      {"name-listed", 1, RrType::kA, false, kNameZone, NameLabels},
      {"name-unlisted", 0, RrType::kA, false, kNameZone, NameLabels},
  };
  for (const Shape& shape : kShapes) {
    std::vector<std::string> queries;
    for (uint32_t i = 0; i < kQueries; ++i) {
      QueryBuilder builder(static_cast<uint16_t>(i));
      builder.Question(
          absl::StrCat(shape.labels(shape.first + 2 * i), shape.zone),
          shape.type);
      if (shape.edns) builder.Opt();
      queries.push_back(builder.message());
    }
    // What is done once, such as binding symbols, is done here.
    AnswerAll(*snapshot, queries);
    CALLGRIND_ZERO_STATS;
    AnswerAll(*snapshot, queries);
    CALLGRIND_DUMP_STATS_AT(shape.name);
    std::printf("%s %d\n", shape.name, kQueries);
  }
#ifndef __OPTIMIZE__
  std::printf("not optimised\n");
#endif
  return 0;
}

}  // namespace
}  // namespace rbld

int main() { return rbld::Main(); }
