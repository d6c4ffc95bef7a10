// QuickAnswerTest: asks both paths the same, and compares every byte and the
// outcome.
#ifndef RBLD_SERVER_QUICK_ANSWER_TEST_BASE_H_
#define RBLD_SERVER_QUICK_ANSWER_TEST_BASE_H_

#include <arpa/inet.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "dns/query_builder.h"
#include "gtest/gtest.h"
#include "server/answer.h"
#include "server/test_snapshot.h"

namespace rbld {

inline ValueSet One(uint32_t code, const std::string& reason = "see $",
                    uint32_t ttl_seconds = 0) {
  return {{code, reason, ttl_seconds}};
}

class QuickAnswerTest : public ::testing::Test {
 protected:
  QuickAnswerTest() {
    client_.sin_family = AF_INET;
    client_.sin_addr.s_addr = htonl(0xc6336407);
  }

  struct Reply {
    std::string bytes;
    Outcome outcome;
  };

  Request RequestOf(const uint8_t* message, size_t bytes,
                    Transport transport) const {
    Request request;
    request.message = message;
    request.message_bytes = bytes;
    request.client = reinterpret_cast<const sockaddr*>(&client_);
    request.transport = transport;
    request.now_seconds = 1700000000;
    return request;
  }

  // Asks both paths. Was the answer the quick one's?
  bool Ask(const std::string& message, Transport transport = Transport::kUdp) {
    // A buffer of just that size, for the sanitizer to see reads behind it.
    const auto exact = std::make_unique<uint8_t[]>(message.size());
    memcpy(exact.get(), message.data(), message.size());
    const Request request = RequestOf(exact.get(), message.size(), transport);
    // Different bytes, so that none is taken over from before.
    memset(general_, 0x55, sizeof(general_));
    memset(whole_, 0xaa, sizeof(whole_));
    Outcome expected;
    const size_t expected_bytes =
        AnswerGenerally(*snapshot_, request, general_, &expected);
    PreparedQuery prepared;
    PrepareAnswers(*snapshot_, absl::MakeConstSpan(&request, 1), &prepared);
    Outcome outcome;
    const size_t bytes = FinishAnswer(request, prepared, whole_, &outcome);
    ++asked_;
    const auto hex = [](const uint8_t* from, size_t count) {
      return absl::BytesToHexString(
          absl::string_view(reinterpret_cast<const char*>(from), count));
    };
    EXPECT_TRUE(bytes == expected_bytes && outcome == expected &&
                memcmp(whole_, general_, bytes) == 0)
        << "query " << hex(exact.get(), message.size()) << "\nwant  "
        << AnswerKindName(expected.kind) << " " << hex(general_, expected_bytes)
        << "\ngot   " << AnswerKindName(outcome.kind) << " "
        << hex(whole_, bytes);
    last_ = {std::string(reinterpret_cast<char*>(whole_), bytes), outcome};
    return prepared.quick.zone != nullptr &&
           FinishQuickAnswer(prepared.quick, exact.get(), message.size(),
                             whole_, &outcome) > 0;
  }

  bool AskName(const std::string& name, RrType type = RrType::kA) {
    return Ask(QueryBuilder().Question(name, type).message());
  }

  // For each name, A and TXT, with and without EDNS: how many were quick.
  int AskAll(const std::vector<std::string>& names) {
    int quick = 0;
    for (const std::string& name : names) {
      for (const RrType type : {RrType::kA, RrType::kTxt}) {
        quick += Ask(QueryBuilder().Question(name, type).message());
        quick += Ask(QueryBuilder().Question(name, type).Opt().message());
      }
    }
    return quick;
  }

  sockaddr_in client_ = {};
  TestSnapshot builder_;
  std::shared_ptr<const Snapshot> snapshot_;
  uint8_t general_[kTcpReplyBytes];
  uint8_t whole_[kTcpReplyBytes];
  int asked_ = 0;
  Reply last_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_QUICK_ANSWER_TEST_BASE_H_
