#include "zones/byte_source.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace rbld {
namespace {

absl::StatusOr<std::string> ReadAll(ByteSource* source, size_t step = 1000) {
  std::string all;
  std::string buffer(step, '\0');
  while (true) {
    const absl::StatusOr<size_t> got = source->Read(buffer.data(), step);
    if (!got.ok()) return got.status();
    if (*got == 0) return all;
    all.append(buffer.data(), *got);
  }
}

std::string Gzip(const std::string& text) {
  std::string out(compressBound(text.size()) + 64, '\0');
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(
      ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string LongText() {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i * 7919) + "\n";
  return text;
}

absl::StatusOr<std::string> Unpack(const std::string& bytes,
                                   uint64_t limit = uint64_t{1} << 30) {
  const auto source = Decompress(StringSource(bytes), limit);
  return ReadAll(source.get());
}

std::string TempPath(const std::string& name) {
  const char* const folder = getenv("TEST_TMPDIR");
  return std::string(folder == nullptr ? "/tmp" : folder) + "/" + name;
}

void WriteTo(const std::string& path, const std::string& text,
             std::ios::openmode mode = std::ios::trunc) {
  std::ofstream(path, std::ios::binary | std::ios::out | mode) << text;
}

TEST(Decompress, PassesPlainBytesThrough) {
  EXPECT_EQ(Unpack(LongText()).value(), LongText());
  EXPECT_EQ(Unpack("").value(), "");
  EXPECT_EQ(Unpack("\x1f").value(), "\x1f");
}

TEST(Decompress, UnpacksGzipOfSeveralMembers) {
  EXPECT_EQ(Unpack(Gzip(LongText())).value(), LongText());
  EXPECT_EQ(Unpack(Gzip("one\n") + Gzip("two\n") + Gzip("")).value(),
            "one\ntwo\n");
}

TEST(Decompress, UnpacksZstdOfSeveralFrames) {
  EXPECT_EQ(Unpack(Zstd(LongText())).value(), LongText());
  EXPECT_EQ(Unpack(Zstd("one\n") + Zstd("two\n")).value(), "one\ntwo\n");
}

TEST(Decompress, RefusesTruncatedData) {
  for (const std::string& packed : {Gzip(LongText()), Zstd(LongText())}) {
    for (const size_t cut : {size_t{1}, size_t{5}, packed.size() / 2}) {
      const auto text = Unpack(packed.substr(0, packed.size() - cut));
      ASSERT_FALSE(text.ok()) << cut;
      EXPECT_NE(text.status().message().find("truncated"), std::string::npos)
          << text.status();
    }
  }
  EXPECT_EQ(Unpack(Gzip(LongText()).substr(0, 30)).status().message(),
            "truncated gzip data: it ends before its end mark; fetch the file "
            "again");
}

TEST(Decompress, RefusesABadChecksum) {
  std::string packed = Gzip("some text\n");
  packed[packed.size() - 6] ^= 1;
  const auto text = Unpack(packed);
  ASSERT_FALSE(text.ok());
  EXPECT_NE(text.status().message().find("damaged gzip data"),
            std::string::npos);
}

TEST(Decompress, RefusesBytesBehindTheEnd) {
  const auto text = Unpack(Gzip("a\n") + "garbage");
  ASSERT_FALSE(text.ok());
  EXPECT_NE(text.status().message().find("bytes behind the end of the gzip"),
            std::string::npos);
  EXPECT_FALSE(Unpack(Zstd("a\n") + "garbage").ok());
}

TEST(Decompress, StopsABombAtTheLimit) {
  const std::string packed = Gzip(std::string(50 << 20, '0'));
  ASSERT_LT(packed.size(), 100000u);
  const auto text = Unpack(packed, 1 << 20);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(OpenFileSource, ReadsAFile) {
  const std::string path = TempPath("whole");
  WriteTo(path, LongText());
  auto source = OpenFileSource(path);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(ReadAll(source->get()).value(), LongText());
}

TEST(OpenFileSource, NamesAMissingFileAndAFolder) {
  EXPECT_EQ(OpenFileSource("/nonexistent/feed").status().message(),
            "/nonexistent/feed: open: No such file or directory");
  EXPECT_FALSE(OpenFileSource("/tmp").ok());
}

TEST(OpenFileSource, NoticesAFileThatShrinksWhileItIsRead) {
  const std::string path = TempPath("shrinks");
  WriteTo(path, LongText());
  auto source = OpenFileSource(path);
  ASSERT_TRUE(source.ok());
  char buffer[100];
  ASSERT_TRUE((*source)->Read(buffer, sizeof(buffer)).ok());
  WriteTo(path, "short\n");
  const auto rest = ReadAll(source->get());
  ASSERT_FALSE(rest.ok());
  EXPECT_NE(
      rest.status().message().find(path + ": became shorter while it was read"),
      std::string::npos)
      << rest.status();
}

TEST(OpenFileSource, NoticesAFileThatIsWrittenToWhileItIsRead) {
  const std::string path = TempPath("grows");
  WriteTo(path, "a\n");
  auto source = OpenFileSource(path);
  ASSERT_TRUE(source.ok());
  WriteTo(path, "b\n", std::ios::app);
  const auto rest = ReadAll(source->get());
  ASSERT_FALSE(rest.ok());
  EXPECT_NE(rest.status().message().find("was written to while it was read"),
            std::string::npos);
}

TEST(Decompress, NamesTheFileOfDamagedData) {
  const std::string path = TempPath("cut.gz");
  WriteTo(path, Gzip(LongText()).substr(0, 1000));
  const auto source = Decompress(OpenFileSource(path).value());
  EXPECT_EQ(
      ReadAll(source.get()).status().message().substr(0, path.size() + 16),
      path + ": truncated gzip");
}

}  // namespace
}  // namespace rbld
