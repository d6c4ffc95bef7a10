#include "tools/table.h"

#include <gtest/gtest.h>

namespace rbld {
namespace {

TEST(Table, AlignsColumnsAndLeavesNoBlanksAtTheEnd) {
  Table table({"name", ">count", "note"});
  table.Add({"a", "1", "x"});
  table.Add({"longer", "1,000", ""});
  EXPECT_EQ(table.Text(false, "  "),
            "  name    count  note\n"
            "  a           1  x\n"
            "  longer  1,000\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({"a", "b"});
  table.Add({"äöü", "x"});
  table.Add({"abc", "y"});
  EXPECT_EQ(table.Text(false), "a    b\näöü  x\nabc  y\n");
}

TEST(Table, MakesHeadsBoldOnlyWhenAsked) {
  Table table({"a"});
  table.Add({"x"});
  EXPECT_EQ(table.Text(true), "\033[1ma\033[0m\nx\n");
}

TEST(Table, NeverPassesControlBytesOn) {
  Table table({"a"});
  table.Add({"\033[31mred\n"});
  EXPECT_EQ(table.Text(false), "a\n\\x1b[31mred\\x0a\n");
}

TEST(Printable, EscapesWhatSteersTerminals) {
  EXPECT_EQ(Printable("a\tb\x7f"), "a\\x09b\\x7f");
  // U+009B begins a control sequence just as ESC [ does.
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
  EXPECT_EQ(Printable("é…"), "é…");
  EXPECT_EQ(Printable("a\xff"), "a\\xff");
}

TEST(Shorten, CutsAtACharacter) {
  EXPECT_EQ(Shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(Shorten("abcdefg", 6), "abcde…");
  EXPECT_EQ(Shorten("äöüäöü", 4), "äöü…");
}

TEST(Grouped, SetsCommas) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(1234567), "1,234,567");
  EXPECT_EQ(Grouped(18446744073709551615u), "18,446,744,073,709,551,615");
}

TEST(Bytes, ChoosesTheUnit) {
  EXPECT_EQ(Bytes(1023), "1023 B");
  EXPECT_EQ(Bytes(1024), "1.0 KiB");
  EXPECT_EQ(Bytes(1536), "1.5 KiB");
  EXPECT_EQ(Bytes(uint64_t{5} << 30), "5.0 GiB");
}

TEST(ProgressBar, DrawsItsPart) {
  EXPECT_EQ(ProgressBar::Line("feed", 0.5, "1 MiB"),
            "feed [###############...............] 50 % 1 MiB");
  EXPECT_EQ(ProgressBar::Line("feed", 2, ""),
            "feed [##############################] 100 %");
  EXPECT_EQ(ProgressBar::Line("feed", -1, "1 MiB"), "feed 1 MiB");
}

}  // namespace
}  // namespace rbld
