#include "zones/rfc1035_text.h"

#include <gtest/gtest.h>

#include <string>

namespace rbld {
namespace {

TEST(Rfc1035Text, TurnsLabelsAround) {
  EXPECT_EQ(ReversedLabels("\3com\7example\1a"), "\1a\7example\3com");
  EXPECT_EQ(ReversedLabels(""), "");
}

TEST(Rfc1035Text, EscapesLabels) {
  EXPECT_EQ(RelativeText("\3a.b\1c"), "a\\046b.c");
  EXPECT_EQ(SubjectOfName("\3com\3a.b"), "a\\.b.com");
  // As rbldnsd spells names and addresses in texts.
  EXPECT_EQ(SubjectOfAddress(ParseIpPrefix("::ffff:1.2.3.4").value()),
            "::ffff:102:304");
  EXPECT_EQ(SubjectOfName("\3com\5;\"@$#"), "\\;\\\"\\@\\$#.com");
}

TEST(Rfc1035Text, WritesNibblesFromTheLastToTheFirst) {
  const AddressBytes address = {0x20, 0x01, 0x0d, 0xb8};
  EXPECT_EQ(NibbleOwner(address, 8), "8.b.d.0.1.0.0.2");
  EXPECT_EQ(NibbleOwner(address, 1), "2");
}

TEST(Rfc1035Text, SplitsAndQuotesStrings) {
  EXPECT_EQ(TxtStrings("a \"b\" \\ \x01\xe9"),
            "\"a \\\"b\\\" \\\\ \\001\\233\"");
  EXPECT_EQ(TxtStrings(""), "\"\"");
  EXPECT_EQ(TxtStrings(std::string(256, 'x')),
            "\"" + std::string(255, 'x') + "\" \"x\"");
}

TEST(Rfc1035Text, SpellsRdata) {
  EXPECT_EQ(RdataText(1, std::string("\xc0\0\2\1", 4)), "A 192.0.2.1");
  EXPECT_EQ(RdataText(15, std::string("\0\x0a\2mx\7example\0", 14)),
            "MX 10 mx.example.");
  EXPECT_EQ(RdataText(16, "\3a b\1\""), "TXT \"a b\" \"\\\"\"");
  EXPECT_EQ(RdataText(65280, "\1\2"), "TYPE65280 \\# 2 0102");
}

}  // namespace
}  // namespace rbld
