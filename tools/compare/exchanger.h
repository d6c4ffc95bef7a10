// Exchanger: asks two servers the same questions, many at a time, and hands on
// the replies in pairs.
//
// UDP, with a repetition where none comes and TCP where one is cut off; or TCP
// alone. A reply counts if it comes from the server's address and has the
// query's id and question. Used by one thread, which waits in poll(2).
#ifndef RBLD_TOOLS_COMPARE_EXCHANGER_H_
#define RBLD_TOOLS_COMPARE_EXCHANGER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "tools/compare/comparison.h"
#include "tools/compare/question.h"
#include "zones/config.h"

namespace rbld {

struct ExchangeOptions {
  // New questions a second to each server; 0: as fast as they answer.
  double rate = 1000;
  std::chrono::milliseconds timeout{1000};  // of each try
  int retries = 2;                          // after the first try
  bool tcp = false;
  uint16_t edns_bytes = 0;  // 0: without EDNS
  // Asked often; true ends it. May be null.
  std::function<bool()> stop;
};

struct ExchangeResult {
  enum class End : uint8_t {
    kDone,
    kNoServer,      // one has answered nothing at all
    kServerLost,    // one has stopped answering
    kSourceFailed,  // the questions cannot be read any further
    kStopped,       // by `stop`
  };
  End end = End::kDone;
  std::string why;  // unless kDone
  uint64_t asked = 0;
};

class Exchanger {
 public:
  // The two replies to a question, whose number counts from 0. They come in the
  // order in which they are complete.
  using Sink =
      std::function<void(uint64_t number, const Question& question,
                         const ServerReply& old, const ServerReply& fresh)>;

  Exchanger(ListenAddress old, ListenAddress fresh, ExchangeOptions options);

  // Borrows both for the call.
  ExchangeResult Run(QuestionSource* source, const Sink& sink);

 private:
  const ListenAddress servers_[2];
  const ExchangeOptions options_;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_EXCHANGER_H_
