// QueryReader: the parameters of a request's query string, taken one by one;
// what nobody took is an error.
//
// Used by one thread, for one request.
#ifndef RBLD_CONTROL_QUERY_READER_H_
#define RBLD_CONTROL_QUERY_READER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rbld {

class QueryReader {
 public:
  // `query` must outlive the reader.
  explicit QueryReader(const std::map<std::string, std::string>& query);

  // An absent parameter leaves the value as it is. All return whether it is
  // there.
  bool Take(const char* key, std::string* value);
  // "1", "true" and "" are true, "0" and "false" false.
  bool Take(const char* key, bool* value);
  bool Take(const char* key, int minimum, int maximum, int* value);
  // "30" (percent) gives 0.30; 0 to 1e6.
  bool TakePercent(const char* key, double* part);

  // InvalidArgument for the first bad value or unknown parameter.
  absl::Status Finish();

 private:
  const std::string* Find(const char* key);
  void Fail(absl::string_view key, absl::string_view why);

  const std::map<std::string, std::string>& query_;
  std::vector<std::string> taken_;
  absl::Status status_;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_QUERY_READER_H_
