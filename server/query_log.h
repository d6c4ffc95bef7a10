// QueryLog: a line for each query that was answered, for debugging, in
// rbldnsd's form:
//   1700000000 192.0.2.1 4.3.2.1.bl.example A IN: NOERROR/1/91
// which is the time, the client, the question, the RCODE, the records of the
// answer and the reply's bytes.
#ifndef RBLD_SERVER_QUERY_LOG_H_
#define RBLD_SERVER_QUERY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/answer.h"
#include "server/sockets.h"

namespace rbld {

// The file. Thread-safe.
class QueryLog {
 public:
  // "-" is standard output. A file that cannot be opened is logged, and lines
  // are lost until Reopen finds it: a log is no reason not to answer.
  static absl::StatusOr<std::unique_ptr<QueryLog>> Open(
      const std::string& path);

  // Opens the file of that name again, which another program may have renamed.
  // On an error the old one stays.
  absl::Status Reopen();

  // Whole lines. A full disk loses them and is no error for who asks.
  void Write(absl::string_view lines);

 private:
  QueryLog(std::string path, Fd file)
      : path_(std::move(path)), file_(std::move(file)) {}

  const std::string path_;
  const Fd file_;  // the same number for good
};

// What one worker writes; used by its thread.
class QueryLogWriter {
 public:
  // Not owned.
  explicit QueryLogWriter(QueryLog* log) : log_(log) {}

  // `reply` is what Answer wrote for the request.
  void Add(const Request& request, const uint8_t* reply, size_t reply_bytes);
  // To be called once a batch is answered.
  void Flush();

 private:
  QueryLog* const log_;
  std::string lines_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_QUERY_LOG_H_
