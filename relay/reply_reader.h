// ReplyReader: SMTP replies out of the bytes that a server sends (RFC 5321
// §4.2), however they are cut, and however hostile the server is.
//
// Used by one thread.
#ifndef RBLD_RELAY_REPLY_READER_H_
#define RBLD_RELAY_REPLY_READER_H_

#include <string>

#include "absl/strings/string_view.h"

namespace rbld {

struct SmtpReply {
  int code = 0;  // 200 to 599
  // The lines without their codes, joined by '\n', without control characters;
  // cut at kMaxReplyTextBytes.
  std::string text;

  int kind() const { return code / 100; }
};

// RFC 5321 §4.5.3.1.5 allows 512; servers write longer ones.
inline constexpr size_t kMaxReplyLineBytes = 4096;
inline constexpr int kMaxReplyLines = 128;
inline constexpr size_t kMaxReplyTextBytes = 8192;

class ReplyReader {
 public:
  enum class Result {
    kNeedMore,
    kReply,
    kBroken,  // no SMTP, or too much of it; final
  };

  // Takes bytes from the front of `*bytes`, up to the end of one reply. A line
  // may end in LF alone. The code of all lines must be the same.
  Result Read(absl::string_view* bytes, SmtpReply* reply);

  // Has a reply begun that is not at its end?
  bool is_within_reply() const { return lines_ != 0 || !line_.empty(); }

 private:
  // A line without its end.
  Result TakeLine(SmtpReply* reply);

  std::string line_;
  std::string text_;
  int lines_ = 0;
  int code_ = 0;
  bool broken_ = false;
};

// Text that comes from outside, for people: control and 8-bit characters
// escaped, tabs as spaces.
std::string PrintableText(absl::string_view text);

}  // namespace rbld

#endif  // RBLD_RELAY_REPLY_READER_H_
