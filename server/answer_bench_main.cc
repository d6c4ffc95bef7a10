// Prints what one query costs in user time, without the kernel's part: names of
// random addresses, 30 % of them listed, 10 % TXT, with 1,000,000 listings.
//   bazel run -c opt //server:answer_bench

#include <time.h>

#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/query_builder.h"
#include "server/answer.h"
#include "server/stats.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

constexpr int kListings = 1'000'000;
constexpr int kQueries = 1 << 20;
constexpr int kRounds = 5;
constexpr int kGroup = 16;

double CpuNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 +
         static_cast<double>(now.tv_nsec);
}

void Run() {
  std::mt19937 random(1);
  TestSnapshot builder;
  builder.AddZone(TestZone("relays.rbld.test"));
  const ValueSet values = {
      {0x7f000002, "Open relay, see https://relays.example.org/?$", 0}};
  std::vector<uint32_t> listed;
  for (int i = 0; i < kListings; ++i) {
    listed.push_back(static_cast<uint32_t>(random()));
    builder.Add("list", IpPrefix::FromIpv4(listed.back()).ToString(), values);
  }
  const std::shared_ptr<const Snapshot> snapshot = builder.Build();
  std::vector<std::string> queries;
  for (int i = 0; i < kQueries; ++i) {
    const uint32_t a = random() % 10 < 3 ? listed[random() % listed.size()]
                                         : static_cast<uint32_t>(random());
    queries.push_back(
        QueryBuilder(static_cast<uint16_t>(i))
            .Question(
                absl::StrCat(a & 255, ".", a >> 8 & 255, ".", a >> 16 & 255,
                             ".", a >> 24, ".relays.rbld.test"),
                random() % 10 == 0 ? RrType::kTxt : RrType::kA)
            .Opt(1232)
            .message());
  }
  WorkerStats stats;
  std::vector<uint8_t> out(kUdpReplyBytes);
  std::vector<PreparedQuery> prepared(kGroup);
  std::vector<Request> requests(kGroup);
  for (int round = 0; round < kRounds; ++round) {
    const double start = CpuNs();
    for (int first = 0; first < kQueries; first += kGroup) {
      for (int i = 0; i < kGroup; ++i) {
        const std::string& query = queries[static_cast<size_t>(first + i)];
        requests[i].message = reinterpret_cast<const uint8_t*>(query.data());
        requests[i].message_bytes = query.size();
      }
      PrepareAnswers(*snapshot, requests, prepared.data());
      for (int i = 0; i < kGroup; ++i) {
        Outcome outcome;
        FinishAnswer(requests[i], prepared[i], out.data(), &outcome);
        stats.Count(outcome);
      }
    }
    printf("%.0f ns of user time a query\n", (CpuNs() - start) / kQueries);
  }
  printf("listed %.1f %%\n",
         100.0 *
             static_cast<double>(
                 stats.counters.outcomes[static_cast<int>(AnswerKind::kListed)]
                     .Get()) /
             kQueries / kRounds);
}

}  // namespace
}  // namespace rbld

int main() { rbld::Run(); }
