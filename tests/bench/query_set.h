// QuerySet: the queries of a data file as dnsperf reads it, in wire form and in
// the file's order.
//
// Each line is "name TYPE"; empty lines and those that begin with '#' or ';'
// are left out. Only the questions (RFC 1035 §4.1.2) are kept, each behind a
// byte with its name's size: a name of 30 bytes takes 37, ten million of them
// 370 MB. The header is made when a query is written.
//
// Used by one thread.
#ifndef RBLD_TESTS_BENCH_QUERY_SET_H_
#define RBLD_TESTS_BENCH_QUERY_SET_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

inline constexpr size_t kHeaderBytes = 12;  // RFC 1035 §4.1.1
// A header, a name of 255 bytes, type and class.
inline constexpr size_t kMaxQueryBytes = kHeaderBytes + 255 + 4;

class QuerySet {
 public:
  // The error names the line.
  static absl::StatusOr<QuerySet> Parse(absl::string_view text);
  static absl::StatusOr<QuerySet> ReadFile(const char* path);

  size_t count() const { return count_; }
  size_t bytes() const { return records_.size(); }

  // A query is named by its record's offset. The first is 0; the last is
  // followed by the first.
  uint32_t Next(uint32_t query) const {
    const size_t next = query + 1 + QuestionBytes(query);
    return next < records_.size() ? static_cast<uint32_t>(next) : 0;
  }

  size_t QueryBytes(uint32_t query) const {
    return kHeaderBytes + QuestionBytes(query);
  }

  // Writes the message (QueryBytes) with the RD bit, as dnsperf's have it.
  void Write(uint32_t query, uint16_t id, uint8_t* out) const {
    static constexpr uint8_t kRest[] = {1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    out[0] = static_cast<uint8_t>(id >> 8);
    out[1] = static_cast<uint8_t>(id);
    memcpy(out + 2, kRest, sizeof(kRest));
    memcpy(out + kHeaderBytes, &records_[query + 1], QuestionBytes(query));
  }

  // Does the message have this query's question, byte for byte?
  bool HasQuestion(uint32_t query, const uint8_t* message, size_t size) const {
    const size_t question = QuestionBytes(query);
    return size >= kHeaderBytes + question &&
           memcmp(message + kHeaderBytes, &records_[query + 1], question) == 0;
  }

 private:
  size_t QuestionBytes(uint32_t query) const {
    return size_t{records_[query]} + 4;
  }
  absl::Status Add(absl::string_view name, absl::string_view type);

  std::vector<uint8_t> records_;
  size_t count_ = 0;
};

}  // namespace rbld

#endif  // RBLD_TESTS_BENCH_QUERY_SET_H_
