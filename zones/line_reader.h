// LineReader: the lines of a ByteSource, from one buffer, without a copy.
//
// Used by one thread.
#ifndef RBLD_ZONES_LINE_READER_H_
#define RBLD_ZONES_LINE_READER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "zones/byte_source.h"

namespace rbld {

class LineReader {
 public:
  static constexpr size_t kMaxTextLineBytes = 64 * 1024;
  // A listing's line in JSON with as many and as long reasons as may be.
  static constexpr size_t kMaxJsonLineBytes = 1024 * 1024;
  static constexpr size_t kBlockBytes = 1024 * 1024;
  // What the buffer begins with; it grows while the source fills it.
  static constexpr size_t kFirstBlockBytes = 4 * 1024;

  // `source` must outlive the reader.
  LineReader(ByteSource* source, size_t max_line_bytes);

  struct Line {
    // Without the newline and a carriage return before it; on the first line
    // without a UTF-8 byte order mark. Valid until the next call.
    absl::string_view text;
    uint64_t number = 0;  // from 1
    // Longer than max_line_bytes; `text` is only its beginning.
    bool too_long = false;
    // The last line, and no newline ends it.
    bool cut_off = false;
  };

  // False at the end and after an error; status() tells which.
  bool Next(Line* line);
  const absl::Status& status() const { return status_; }
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  // How much of an overlong line is kept to be shown.
  static constexpr size_t kShownBytes = 256;

  // Moves what is unread to the buffer's front and reads behind it, into a
  // bigger buffer if the last reading filled this one; false when nothing came.
  bool Fill();
  void SkipOverlongLine(Line* line);

  ByteSource* const source_;
  const size_t max_line_bytes_;
  std::vector<char> buffer_;  // at most kBlockBytes + max_line_bytes_
  std::vector<char> shown_;
  size_t at_ = 0;
  size_t end_ = 0;
  uint64_t line_number_ = 0;
  uint64_t bytes_read_ = 0;
  bool ended_ = false;
  absl::Status status_;
};

}  // namespace rbld

#endif  // RBLD_ZONES_LINE_READER_H_
