// CaptureSource: the questions of a file that tcpdump, dumpcap and the like
// wrote (pcap or pcapng).
#ifndef RBLD_TOOLS_COMPARE_CAPTURE_SOURCE_H_
#define RBLD_TOOLS_COMPARE_CAPTURE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/compare/frame.h"
#include "tools/compare/input.h"
#include "tools/compare/question.h"

struct pcap;

namespace rbld {

// Used by one thread.
class CaptureSource : public QuestionSource {
 public:
  // InvalidArgument when it is no capture, or of a network that cannot be read.
  static absl::StatusOr<std::unique_ptr<CaptureSource>> Open(
      std::unique_ptr<Input> input, uint16_t port);
  ~CaptureSource() override;

  absl::StatusOr<bool> Next(Question* question) override;
  double part() const override { return input_->PartDone(done_bytes_); }
  const LeftOut& left_out() const override { return left_out_; }

  uint64_t packets() const { return packets_; }

 private:
  CaptureSource(std::unique_ptr<Input> input, uint16_t port)
      : input_(std::move(input)), port_(port) {}

  const std::unique_ptr<Input> input_;
  const uint16_t port_;
  pcap* capture_ = nullptr;
  LinkType link_ = LinkType::kEthernet;
  uint64_t packets_ = 0;
  uint64_t done_bytes_ = 0;          // about so many
  std::vector<Question> questions_;  // of the packet that was read last
  size_t next_ = 0;
  LeftOut left_out_;  // a packet that is no query is no error
};

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_CAPTURE_SOURCE_H_
