#include "control/body_pipe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace rbld {
namespace {

TEST(BodyPipe, PassesMoreThanItHoldsInOrder) {
  BodyPipe pipe;
  std::unique_ptr<ByteSource> reader = BodyPipe::Reader(&pipe);
  constexpr size_t kBytes = 5 * BodyPipe::kCapacityBytes + 12345;
  std::thread writer([&] {
    std::string piece(70'001, '\0');
    size_t sent = 0;
    while (sent < kBytes) {
      const size_t count = std::min(piece.size(), kBytes - sent);
      for (size_t i = 0; i < count; ++i) {
        piece[i] = static_cast<char>((sent + i) * 31 % 251);
      }
      ASSERT_TRUE(pipe.Write({piece.data(), count}));
      sent += count;
    }
    pipe.CloseWriter(absl::OkStatus());
  });
  size_t got = 0;
  bool in_order = true;
  char buffer[9999];
  for (;;) {
    const absl::StatusOr<size_t> count = reader->Read(buffer, sizeof buffer);
    ASSERT_TRUE(count.ok());
    if (*count == 0) break;
    for (size_t i = 0; i < *count; ++i) {
      in_order &= buffer[i] == static_cast<char>((got + i) * 31 % 251);
    }
    got += *count;
  }
  writer.join();
  EXPECT_EQ(got, kBytes);
  EXPECT_TRUE(in_order);
}

TEST(BodyPipe, HoldsTheWriterUpWhenFull) {
  BodyPipe pipe;
  std::unique_ptr<ByteSource> reader = BodyPipe::Reader(&pipe);
  std::atomic<size_t> written{0};
  std::thread writer([&] {
    const std::string piece(64 << 10, 'x');
    for (int i = 0; i < 64 && pipe.Write(piece); ++i) written += piece.size();
    pipe.CloseWriter(absl::OkStatus());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LE(written.load(), BodyPipe::kCapacityBytes);
  reader.reset();
  writer.join();
  EXPECT_LE(written.load(), BodyPipe::kCapacityBytes);
}

TEST(BodyPipe, GivesTheReaderTheErrorBehindTheBytes) {
  BodyPipe pipe;
  std::unique_ptr<ByteSource> reader = BodyPipe::Reader(&pipe);
  ASSERT_TRUE(pipe.Write("abc"));
  pipe.CloseWriter(absl::DataLossError("broke off"));
  char buffer[10];
  EXPECT_EQ(*reader->Read(buffer, sizeof buffer), 3u);
  EXPECT_EQ(reader->Read(buffer, sizeof buffer).status(),
            absl::DataLossError("broke off"));
}

TEST(BodyPipe, TellsTheWriterThatTheReaderIsGone) {
  BodyPipe pipe;
  BodyPipe::Reader(&pipe).reset();
  EXPECT_FALSE(pipe.Write("x"));
}

}  // namespace
}  // namespace rbld
