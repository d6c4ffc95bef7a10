// CompareReplies: in which ways two servers' replies to one question differ.
//
// Pure functions over constant tables: any thread.
#ifndef RBLD_TOOLS_COMPARE_COMPARISON_H_
#define RBLD_TOOLS_COMPARE_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dns/response_reader.h"
#include "tools/compare/question.h"

namespace rbld {

// What came of one question to one server.
struct ServerReply {
  enum class State : uint8_t {
    kSilent,     // no reply, in as many tries as there are
    kMalformed,  // a reply that cannot be read
    kRead,
  };
  State state = State::kSilent;
  Response response;  // kRead
  // TC was set in a reply over UDP; `response` then came over TCP, unless that
  // failed.
  bool udp_truncated = false;
  std::string problem;  // why there is no (whole) reply, where that is known
};

// The grave ones first. A query counts under the first that applies.
enum class DifferenceKind : uint8_t {
  kNoAnswer,
  kNoAnswerBoth,
  kMalformed,
  kRcode,
  kOnlyOld,
  kOnlyNew,
  kNameGone,
  kTestEntry,
  kEmptyNonTerminal,
  kA,
  kTxt,
  kOther,
  kAny,
  kTtl,
  kNegativeTtl,
  kFlags,
  kSoa,
  kAuthority,
  kSerial,
};
inline constexpr int kDifferenceKinds = 19;

// One bit for each kind.
using DifferenceSet = uint32_t;
inline constexpr DifferenceSet BitOf(DifferenceKind kind) {
  return DifferenceSet{1} << static_cast<int>(kind);
}

// "rcode": stable; docs/MIGRATING.md lists them.
const char* DifferenceName(DifferenceKind kind);
// In a few words, with OLD and NEW.
const char* DifferenceMeaning(DifferenceKind kind);
// The error lists the names.
absl::StatusOr<DifferenceKind> ParseDifference(absl::string_view name);

// Is it about a test entry of RFC 5782 §5: 127.0.0.1 or 127.0.0.2 of any zone,
// as IPv4 or as ::FFFF:7F00:1 and 2, or TEST and INVALID of one of `zones`?
// Those are in wire form and lower case.
bool IsTestEntry(const Question& question,
                 const std::vector<std::string>& zones);

// All kinds that apply; 0: they are the same. Records are compared as sets, in
// any order, names in any case, texts with their strings joined. Additional
// records, the flags but AA and TC, and what stands in the authority section
// once more are not compared. Where the servers differ in whether there is a
// reply, in the RCODE or in whether there are records, nothing finer is looked
// at; nor at a test entry, whose answers differ in kTestEntry alone.
DifferenceSet CompareReplies(const Question& question,
                             const std::vector<std::string>& zones,
                             const ServerReply& old, const ServerReply& fresh);

// One line, with what shows a difference of that kind: "NXDOMAIN", "no data",
// "A 127.0.0.2, TXT \"why\"".
std::string ReplyText(const ServerReply& reply, DifferenceKind kind);

// "bl.example.org", without the final dot.
std::string QuestionName(const Question& question);

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_COMPARISON_H_
