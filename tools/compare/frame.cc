#include "tools/compare/frame.h"

#include <algorithm>
#include <string>

#include "dns/constants.h"
#include "dns/query.h"
#include "dns/tcp_framing.h"

namespace rbld {
namespace {

constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr int kProtocolTcp = 6;
constexpr int kProtocolUdp = 17;
constexpr size_t kUdpHeaderBytes = 8;
constexpr size_t kMinTcpHeaderBytes = 20;
constexpr size_t kMinIpv4HeaderBytes = 20;
constexpr size_t kIpv6HeaderBytes = 40;

// What is left of a frame.
struct Bytes {
  const uint8_t* data;
  size_t size;

  // False when there are not so many.
  bool Skip(size_t bytes) {
    if (size < bytes) return false;
    data += bytes;
    size -= bytes;
    return true;
  }
  void Limit(size_t bytes) { size = std::min(size, bytes); }
};

bool IsVlanTag(uint16_t type) {
  return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

// Goes on to the IP header.
bool SkipLinkHeader(LinkType link, Bytes* bytes) {
  size_t type_at = 0;
  size_t header_bytes = 0;
  switch (link) {
    case LinkType::kRaw:
      return true;
    case LinkType::kLoopback:
      // The family's number is not the same everywhere; the IP header tells.
      return bytes->Skip(4);
    case LinkType::kEthernet:
      type_at = 12;
      header_bytes = 14;
      break;
    case LinkType::kLinuxSll:
      type_at = 14;
      header_bytes = 16;
      break;
    case LinkType::kLinuxSll2:
      type_at = 0;
      header_bytes = 20;
      break;
  }
  if (bytes->size < header_bytes) return false;
  uint16_t type = ReadU16(bytes->data + type_at);
  bytes->Skip(header_bytes);
  while (IsVlanTag(type)) {
    if (bytes->size < 4) return false;
    type = ReadU16(bytes->data + 2);
    bytes->Skip(4);
  }
  return type == kEtherIpv4 || type == kEtherIpv6;
}

// Goes on to the transport's header and returns its protocol, or -1.
int SkipIpv4(Bytes* bytes) {
  if (bytes->size < kMinIpv4HeaderBytes) return -1;
  const size_t header_bytes = size_t{bytes->data[0] & 0x0fu} * 4;
  const size_t total_bytes = ReadU16(bytes->data + 2);
  const int protocol = bytes->data[9];
  const bool later_fragment = (ReadU16(bytes->data + 6) & 0x1fff) != 0;
  if (header_bytes < kMinIpv4HeaderBytes || later_fragment) return -1;
  // Behind the packet may be padding; 0 is written when the network card cuts
  // the packet up.
  if (total_bytes != 0) bytes->Limit(total_bytes);
  return bytes->Skip(header_bytes) ? protocol : -1;
}

int SkipIpv6(Bytes* bytes) {
  if (bytes->size < kIpv6HeaderBytes) return -1;
  const size_t payload_bytes = ReadU16(bytes->data + 4);
  int protocol = bytes->data[6];
  bytes->Skip(kIpv6HeaderBytes);
  if (payload_bytes != 0) bytes->Limit(payload_bytes);
  // Extension headers (RFC 8200 §4); each takes 8 bytes at least.
  while (true) {
    switch (protocol) {
      case 0:     // hop by hop
      case 43:    // routing
      case 60: {  // destination
        if (bytes->size < 8) return -1;
        protocol = bytes->data[0];
        if (!bytes->Skip((size_t{bytes->data[1]} + 1) * 8)) return -1;
        break;
      }
      case 44:  // fragment
        if (bytes->size < 8) return -1;
        if ((ReadU16(bytes->data + 2) & 0xfff8) != 0) return -1;
        protocol = bytes->data[0];
        bytes->Skip(8);
        break;
      default:
        return protocol;
    }
  }
}

void ReadMessage(const uint8_t* message, size_t size,
                 std::vector<Question>* questions) {
  Query query;
  // What else may be wrong with it does not matter: the question is replayed.
  if (ParseQuery(message, size, &query) == ParseResult::kDrop) return;
  if (!query.has_question || query.opcode() != kOpcodeQuery ||
      query.qclass != kClassIn) {
    return;
  }
  const auto type = static_cast<RrType>(query.type);
  if (type == RrType::kAxfr || type == RrType::kIxfr) return;
  questions->push_back({std::string(query.NameFrom(0)), query.type});
}

void ReadSegment(Bytes bytes, std::vector<Question>* questions) {
  Frame frame;
  while (ReadFrame(bytes.data, bytes.size, &frame) == FrameResult::kWhole) {
    ReadMessage(frame.message, frame.message_bytes, questions);
    bytes.Skip(frame.frame_bytes);
  }
}

}  // namespace

void ReadFrameQuestions(LinkType link, const uint8_t* frame, size_t size,
                        uint16_t port, std::vector<Question>* questions) {
  Bytes bytes{frame, size};
  if (!SkipLinkHeader(link, &bytes) || bytes.size == 0) return;
  const int version = bytes.data[0] >> 4;
  int protocol = -1;
  if (version == 4) protocol = SkipIpv4(&bytes);
  if (version == 6) protocol = SkipIpv6(&bytes);
  if (protocol == kProtocolUdp) {
    if (bytes.size < kUdpHeaderBytes) return;
    const size_t length = ReadU16(bytes.data + 4);
    if (ReadU16(bytes.data + 2) != port || length < kUdpHeaderBytes) return;
    bytes.Limit(length);
    bytes.Skip(kUdpHeaderBytes);
    ReadMessage(bytes.data, bytes.size, questions);
  } else if (protocol == kProtocolTcp) {
    if (bytes.size < kMinTcpHeaderBytes) return;
    const size_t header_bytes = size_t{bytes.data[12]} / 16 * 4;
    if (ReadU16(bytes.data + 2) != port || header_bytes < kMinTcpHeaderBytes ||
        !bytes.Skip(header_bytes)) {
      return;
    }
    ReadSegment(bytes, questions);
  }
}

}  // namespace rbld
