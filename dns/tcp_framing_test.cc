#include "dns/tcp_framing.h"

#include <string>

#include "gtest/gtest.h"

namespace rbld {
namespace {

FrameResult Read(const std::string& bytes, Frame* frame) {
  return ReadFrame(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
                   frame);
}

TEST(TcpFraming, ReadsTheFirstOfSeveralFrames) {
  const std::string bytes("\0\3abc\0\1d", 8);
  Frame frame;
  ASSERT_EQ(FrameResult::kWhole, Read(bytes, &frame));
  EXPECT_EQ(3u, frame.message_bytes);
  EXPECT_EQ('a', frame.message[0]);
  EXPECT_EQ(5u, frame.frame_bytes);
}

TEST(TcpFraming, WaitsForEveryByte) {
  const std::string bytes("\1\1" + std::string(257, 'x'));
  Frame frame;
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_EQ(FrameResult::kIncomplete, Read(bytes.substr(0, size), &frame));
  }
  EXPECT_EQ(FrameResult::kWhole, Read(bytes, &frame));
}

TEST(TcpFraming, KnowsAnEmptyFrame) {
  Frame frame;
  EXPECT_EQ(FrameResult::kEmpty, Read(std::string("\0\0abc", 5), &frame));
}

TEST(TcpFraming, TakesTheLongestMessage) {
  Frame frame;
  EXPECT_EQ(FrameResult::kWhole,
            Read("\xff\xff" + std::string(65535, 'x'), &frame));
  EXPECT_EQ(kMaxFrameBytes, frame.frame_bytes);
}

}  // namespace
}  // namespace rbld
