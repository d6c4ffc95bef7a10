#include "relay/reply_reader.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace rbld {

std::string PrintableText(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (absl::ascii_isprint(c)) {
      out.push_back(c);
    } else if (c == '\t') {
      out.push_back(' ');
    } else {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(c));
    }
  }
  return out;
}

ReplyReader::Result ReplyReader::TakeLine(SmtpReply* reply) {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  // "250", "250 text" or "250-text"; the first digit is 2 to 5 (§4.2.1).
  if (line_.size() < 3 || line_[0] < '2' || line_[0] > '5' ||
      !absl::ascii_isdigit(line_[1]) || !absl::ascii_isdigit(line_[2])) {
    return Result::kBroken;
  }
  const int code =
      (line_[0] - '0') * 100 + (line_[1] - '0') * 10 + (line_[2] - '0');
  const char separator = line_.size() > 3 ? line_[3] : ' ';
  if ((separator != ' ' && separator != '-') ||
      (lines_ != 0 && code != code_) || ++lines_ > kMaxReplyLines) {
    return Result::kBroken;
  }
  code_ = code;
  if (lines_ > 1) text_.push_back('\n');
  if (line_.size() > 4) {
    text_ += PrintableText(absl::string_view(line_).substr(4));
  }
  if (text_.size() > kMaxReplyTextBytes) text_.resize(kMaxReplyTextBytes);
  line_.clear();
  if (separator == '-') return Result::kNeedMore;
  reply->code = code;
  reply->text = std::move(text_);
  text_.clear();
  lines_ = 0;
  return Result::kReply;
}

ReplyReader::Result ReplyReader::Read(absl::string_view* bytes,
                                      SmtpReply* reply) {
  while (!broken_ && !bytes->empty()) {
    const size_t end = bytes->find('\n');
    const size_t taken = std::min(end, bytes->size());
    if (line_.size() + taken > kMaxReplyLineBytes) {
      broken_ = true;
      break;
    }
    line_.append(bytes->data(), taken);
    if (end == absl::string_view::npos) {
      bytes->remove_prefix(taken);
      return Result::kNeedMore;
    }
    bytes->remove_prefix(end + 1);
    const Result result = TakeLine(reply);
    if (result == Result::kReply) return result;
    broken_ = result == Result::kBroken;
  }
  return broken_ ? Result::kBroken : Result::kNeedMore;
}

}  // namespace rbld
