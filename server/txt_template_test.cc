#include "server/txt_template.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace rbld {
namespace {

// The strings that the rdata holds, or {"too long"}.
std::vector<std::string> Render(const std::string& reason,
                                const std::string& subject,
                                size_t room_bytes = 65535) {
  // Of its exact size, so that ASan sees a byte too far.
  std::unique_ptr<uint8_t[]> rdata(new uint8_t[room_bytes]);
  const int bytes = RenderTxt(reason, subject, rdata.get(), room_bytes);
  if (bytes < 0) return {"too long"};
  std::vector<std::string> strings;
  int at = 0;
  while (at < bytes) {
    const int length = rdata[static_cast<size_t>(at)];
    strings.emplace_back(reinterpret_cast<char*>(rdata.get()) + at + 1, length);
    at += 1 + length;
  }
  EXPECT_EQ(bytes, at);
  return strings;
}

using Strings = std::vector<std::string>;

TEST(RenderTxt, PutsTheSubjectForEachDollar) {
  EXPECT_EQ(Strings{"see http://x/?1.2.3.4 (1.2.3.4)"},
            Render("see http://x/?$ ($)", "1.2.3.4"));
  EXPECT_EQ(Strings{"1.2.3.4"}, Render("$", "1.2.3.4"));
  EXPECT_EQ(Strings{"plain"}, Render("plain", "1.2.3.4"));
}

TEST(RenderTxt, TakesTwoDollarsForOne) {
  EXPECT_EQ(Strings{"costs 5$ a S"}, Render("costs 5$$ a $", "S"));
  EXPECT_EQ(Strings{"$S"}, Render("$$$", "S"));
  EXPECT_EQ(Strings{"$$"}, Render("$$$$", "S"));
  // What the subject holds is not looked at again.
  EXPECT_EQ(Strings{"a$$b"}, Render("$", "a$$b"));
}

TEST(RenderTxt, SplitsAfterSubstitution) {
  const std::string text(255, 'x');
  EXPECT_EQ(Strings{text}, Render(text, ""));
  EXPECT_EQ((Strings{text, "y"}), Render(text + "y", ""));
  EXPECT_EQ((Strings{std::string(254, 'a') + "1", ".2.3.4"}),
            Render(std::string(254, 'a') + "$", "1.2.3.4"));
  std::string big;
  for (int i = 0; i < 4096; ++i) big += static_cast<char>('a' + i % 23);
  const Strings strings = Render(big, "");
  ASSERT_EQ(17u, strings.size());
  std::string joined;
  for (const std::string& string : strings) joined += string;
  EXPECT_EQ(big, joined);
}

TEST(RenderTxt, UsesTheRoomToTheLastByteAndNoMore) {
  EXPECT_EQ(Strings{"abc"}, Render("abc", "", 4));
  EXPECT_EQ(Strings{"too long"}, Render("abc", "", 3));
  EXPECT_EQ(Strings{"too long"}, Render("$$$", "12345", 6));
  const std::string text(256, 'x');
  EXPECT_EQ(2u, Render(text, "", 258).size());
  EXPECT_EQ(Strings{"too long"}, Render(text, "", 257));
  EXPECT_EQ(Strings{"too long"}, Render("", "", 0));
  EXPECT_EQ(Strings{""}, Render("", "", 1));
}

}  // namespace
}  // namespace rbld
