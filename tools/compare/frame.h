// ReadFrame…: the DNS questions in one captured frame.
//
// Pure functions: any thread. Nothing in a frame is trusted; what is cut off or
// malformed has no questions.
#ifndef RBLD_TOOLS_COMPARE_FRAME_H_
#define RBLD_TOOLS_COMPARE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/compare/question.h"

namespace rbld {

// What a frame begins with.
enum class LinkType : uint8_t {
  kEthernet,   // with VLAN tags too
  kLinuxSll,   // "any" device of tcpdump, version 1
  kLinuxSll2,  // version 2
  kLoopback,   // 4 bytes of address family (BSD)
  kRaw,        // the IP header
};
inline constexpr int kLinkTypes = 5;

// Appends the questions of class IN that clients send to `port`: over UDP in
// IPv4 or IPv6, not of later fragments; over TCP where a message begins with
// the segment and is whole in it. Of a message that was captured only in part
// the question must be whole. Zone transfers are left out.
void ReadFrameQuestions(LinkType link, const uint8_t* frame, size_t size,
                        uint16_t port, std::vector<Question>* questions);

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_FRAME_H_
