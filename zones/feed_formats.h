// The readers of single feed formats. Only zones/feed_reader.cc uses them.
#ifndef RBLD_ZONES_FEED_FORMATS_H_
#define RBLD_ZONES_FEED_FORMATS_H_

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "zones/feed_reader.h"
#include "zones/line_text.h"

namespace rbld {

// Used by one thread.
class FeedFormatReader {
 public:
  virtual ~FeedFormatReader() = default;
  // Takes a line, or rejects it through the import. An error fails the whole
  // feed.
  virtual absl::Status ReadLine(uint64_t number, absl::string_view text) = 0;
  // After the last line.
  virtual absl::Status Finish() { return absl::OkStatus(); }
};

// All three borrow their arguments.
absl::StatusOr<std::unique_ptr<FeedFormatReader>> NewPlainReader(
    const FeedOptions& options, Import* import, FeedCounts* counts);
absl::StatusOr<std::unique_ptr<FeedFormatReader>> NewRbldnsdReader(
    const FeedOptions& options, Import* import, FeedCounts* counts);
std::unique_ptr<FeedFormatReader> NewJsonReader(const FeedOptions& options,
                                                Import* import,
                                                FeedCounts* counts);

// What no format of text may have; the tabulator is fine.
inline bool HasControlBytes(absl::string_view text) {
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t') {
      return true;
    }
  }
  return false;
}

}  // namespace rbld

#endif  // RBLD_ZONES_FEED_FORMATS_H_
