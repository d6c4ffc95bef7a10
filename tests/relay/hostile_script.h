// What a hostile mail server says: random, but the same for the same seed,
// address and number of the connection.
//
// Pure; used by one thread.
#ifndef RBLD_TESTS_RELAY_HOSTILE_SCRIPT_H_
#define RBLD_TESTS_RELAY_HOSTILE_SCRIPT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace rbld {

enum class Trait : uint8_t {
  // How one reply is written.
  kPlain,
  kMultiLine,
  kBareCode,
  kBareLf,
  kBareCr,
  kSplit,  // a byte at a time
  kDrip,   // … slowly
  kEightBit,
  kNul,
  kMixedCodes,  // "250-", then "550 "
  kManyLines,
  kHugeLine,  // 1 MB
  kEndless,   // "250-" for ever
  kUnended,   // "250-", and no more
  kNotSmtp,
  kOddCode,
  kOddSeparator,
  kEmptyLine,
  kEcho,
  kTwice,
  kEarly,       // with the replies to what has not been asked
  kEarlyLater,  // these a moment later
  kSilence,
  kCloseFirst,
  kResetFirst,
  kThenClose,
  kThenReset,
  // What else it does.
  kEndlessGreeting,
  kNoGreeting,
  kBadGreeting,
  kEhloJunk,
  kAcceptsAll,
  kRandomCodes,
  kRefusesMessage,
  kTlsGarbage,
  kTlsInjection,
  kInPause,    // speaks after a message, unasked
  kAfterQuit,  // goes on after QUIT
};
inline constexpr int kTraitCount = static_cast<int>(Trait::kAfterQuit) + 1;
const char* TraitName(Trait trait);

// Once all bytes have left.
enum class Then : uint8_t { kGoOn, kClose, kReset };

struct Piece {
  std::string bytes;
  int wait_ms = 0;  // before them
  Then then = Then::kGoOn;
};

struct Answer {
  std::vector<Piece> pieces;
  // After the pieces, these for ever.
  std::string endless;
  std::vector<Trait> traits;
  // What a client reads first; 0 if that is no reply, or nobody can say.
  int code = 0;
  // More than one reply in one write: to go on after that is wrong.
  bool is_double = false;
  // Replies that come unasked, some time: nobody can tell what follows what.
  bool is_early = false;

  // Whoever asked is told no, in a way that he can read.
  bool is_refusal() const { return code / 100 == 4 || code / 100 == 5; }
};

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  bool Chance(int percent) {
    return Below(100) < static_cast<uint64_t>(percent);
  }

 private:
  uint64_t state_;
};

class Script {
 public:
  Script(uint64_t seed, uint32_t address, uint32_t number);

  Answer Greet();
  // `line` without its end; "" is the message's end.
  Answer ToCommand(absl::string_view line);
  Answer ToMessage();
  Answer ToTls();

 private:
  enum class Policy : uint8_t {
    kClosed,
    kAcceptsAll,
    kRandom,
    kGreylists,
    kWantsTls,
    kRefusesData,
    kRefusesMessage,
    kMoody,  // another one for every reply
  };

  int CodeFor(absl::string_view verb, Policy policy);
  Trait Shape();
  Answer Write(int code, absl::string_view text, Trait shape);
  Answer Ehlo(int code);

  Random random_;
  Policy policy_ = Policy::kClosed;
  int hostile_percent_ = 0;  // of the replies
};

}  // namespace rbld

#endif  // RBLD_TESTS_RELAY_HOSTILE_SCRIPT_H_
