// BodyPipe: a request's body on its way from the thread that reads the socket
// to the one that parses it. Holds at most kCapacityBytes, and the reader as
// much again, so that a body of any length takes little memory and a slow
// parser slows its client down.
//
// One writer thread and one reader thread. A reader that waits is woken for
// kWakeBytes, or for the end: bodies come in pieces of few kilobytes, and to
// wake it for each would take longer than to read them.
#ifndef RBLD_CONTROL_BODY_PIPE_H_
#define RBLD_CONTROL_BODY_PIPE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "zones/byte_source.h"

namespace rbld {

class BodyPipe {
 public:
  static constexpr size_t kCapacityBytes = size_t{1} << 20;
  static constexpr size_t kWakeBytes = size_t{128} << 10;

  BodyPipe() = default;
  BodyPipe(const BodyPipe&) = delete;
  BodyPipe& operator=(const BodyPipe&) = delete;

  // Waits for room. False when the reader is gone and wants no more.
  bool Write(absl::string_view bytes);
  // The body is at its end, or failed: the reader gets `status` once it has
  // read what came before.
  void CloseWriter(absl::Status status);

  // The reading end; `pipe` must outlive it. Destroying it tells the writer
  // that nobody reads any more.
  static std::unique_ptr<ByteSource> Reader(BodyPipe* pipe);

 private:
  class Source;

  Mutex mutex_;
  CondVar changed_;
  std::string buffer_ RBLD_GUARDED_BY(mutex_);
  bool writer_closed_ RBLD_GUARDED_BY(mutex_) = false;
  bool reader_closed_ RBLD_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ RBLD_GUARDED_BY(mutex_);
};

}  // namespace rbld

#endif  // RBLD_CONTROL_BODY_PIPE_H_
