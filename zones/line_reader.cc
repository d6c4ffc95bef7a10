#include "zones/line_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"

namespace rbld {
namespace {

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

LineReader::LineReader(ByteSource* source, size_t max_line_bytes)
    : source_(source),
      max_line_bytes_(max_line_bytes),
      buffer_(std::min(kFirstBlockBytes, kBlockBytes + max_line_bytes)) {}

bool LineReader::Fill() {
  if (ended_) return false;
  const bool was_filled = end_ == buffer_.size();
  memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
  end_ -= at_;
  at_ = 0;
  if (was_filled) {
    buffer_.resize(std::min(4 * buffer_.size(), kBlockBytes + max_line_bytes_));
  }
  const absl::StatusOr<size_t> got =
      source_->Read(buffer_.data() + end_, buffer_.size() - end_);
  if (!got.ok()) {
    status_ = got.status();
    ended_ = true;
    return false;
  }
  if (*got == 0) {
    ended_ = true;
    return false;
  }
  end_ += *got;
  bytes_read_ += *got;
  return true;
}

void LineReader::SkipOverlongLine(Line* line) {
  shown_.assign(buffer_.data() + at_, buffer_.data() + at_ + kShownBytes);
  line->text = absl::string_view(shown_.data(), shown_.size());
  line->too_long = true;
  while (true) {
    const void* const newline = memchr(buffer_.data() + at_, '\n', end_ - at_);
    if (newline != nullptr) {
      at_ = static_cast<size_t>(static_cast<const char*>(newline) -
                                buffer_.data()) +
            1;
      return;
    }
    at_ = end_;
    if (!Fill()) {
      line->cut_off = true;
      return;
    }
  }
}

bool LineReader::Next(Line* line) {
  line->too_long = false;
  line->cut_off = false;
  size_t scanned = 0;  // of the unread bytes, known to hold no newline
  while (true) {
    const char* const start = buffer_.data() + at_;
    const void* const newline =
        memchr(start + scanned, '\n', end_ - at_ - scanned);
    const size_t size =
        newline == nullptr
            ? end_ - at_
            : static_cast<size_t>(static_cast<const char*>(newline) - start);
    if (size > max_line_bytes_) {
      SkipOverlongLine(line);
      break;
    }
    if (newline != nullptr) {
      line->text = absl::string_view(start, size);
      at_ += size + 1;
      break;
    }
    scanned = size;
    if (Fill()) continue;
    if (scanned == 0) return false;
    line->cut_off = true;
    line->text = absl::string_view(buffer_.data() + at_, scanned);
    at_ = end_;
    break;
  }
  if (!status_.ok()) return false;
  line->number = ++line_number_;
  if (!line->too_long && !line->text.empty() && line->text.back() == '\r') {
    line->text.remove_suffix(1);
  }
  if (line->number == 1 && absl::StartsWith(line->text, kByteOrderMark)) {
    line->text.remove_prefix(kByteOrderMark.size());
  }
  return true;
}

}  // namespace rbld
