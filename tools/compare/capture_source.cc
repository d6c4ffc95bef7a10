#include "tools/compare/capture_source.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kPacketHeadBytes = 16;  // of the older format

ssize_t ReadCookie(void* cookie, char* buffer, size_t size) {
  const absl::StatusOr<size_t> got =
      static_cast<ByteSource*>(cookie)->Read(buffer, size);
  if (got.ok()) return static_cast<ssize_t>(*got);
  errno = EIO;
  return -1;
}

bool ReadLinkType(int number, LinkType* link) {
  switch (number) {
    case DLT_EN10MB:
      *link = LinkType::kEthernet;
      return true;
    case DLT_LINUX_SLL:
      *link = LinkType::kLinuxSll;
      return true;
    case DLT_LINUX_SLL2:
      *link = LinkType::kLinuxSll2;
      return true;
    case DLT_NULL:
    case DLT_LOOP:
      *link = LinkType::kLoopback;
      return true;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      *link = LinkType::kRaw;
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureSource>> CaptureSource::Open(
    std::unique_ptr<Input> input, uint16_t port) {
  std::unique_ptr<CaptureSource> source(
      new CaptureSource(std::move(input), port));
  cookie_io_functions_t functions = {};
  functions.read = ReadCookie;
  FILE* const file = fopencookie(source->input_->bytes(), "r", functions);
  if (file == nullptr) return absl::InternalError("fopencookie failed");
  char error[PCAP_ERRBUF_SIZE] = "";
  source->capture_ = pcap_fopen_offline(file, error);
  if (source->capture_ == nullptr) {
    fclose(file);
    return absl::InvalidArgumentError(
        absl::StrCat(source->input_->name(), ": cannot be read as a capture (",
                     error, "); give a file that tcpdump -w wrote"));
  }
  const int number = pcap_datalink(source->capture_);
  if (!ReadLinkType(number, &source->link_)) {
    const char* const name = pcap_datalink_val_to_name(number);
    return absl::InvalidArgumentError(absl::StrCat(
        source->input_->name(), ": was captured on a network of type ",
        name == nullptr ? absl::StrCat(number) : name,
        ", which is not known here; capture on Ethernet, loopback or the "
        "device \"any\""));
  }
  return source;
}

CaptureSource::~CaptureSource() {
  if (capture_ != nullptr) pcap_close(capture_);
}

absl::StatusOr<bool> CaptureSource::Next(Question* question) {
  while (next_ == questions_.size()) {
    questions_.clear();
    next_ = 0;
    pcap_pkthdr* head = nullptr;
    const uint8_t* bytes = nullptr;
    const int result = pcap_next_ex(capture_, &head, &bytes);
    if (result == PCAP_ERROR_BREAK) return false;
    if (result != 1) {
      return absl::DataLossError(
          absl::StrCat(input_->name(), ": after ", packets_,
                       " packets: ", pcap_geterr(capture_)));
    }
    ++packets_;
    done_bytes_ += kPacketHeadBytes + head->caplen;
    ReadFrameQuestions(link_, bytes, head->caplen, port_, &questions_);
  }
  *question = std::move(questions_[next_++]);
  return true;
}

}  // namespace rbld
