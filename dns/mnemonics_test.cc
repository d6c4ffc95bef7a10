#include "dns/mnemonics.h"

#include "gtest/gtest.h"

namespace rbld {
namespace {

TEST(Mnemonics, ReadsWhatItWrites) {
  for (int type = 0; type < 65536; ++type) {
    const auto number = static_cast<uint16_t>(type);
    ASSERT_EQ(number, ParseRrType(RrTypeText(number)).value_or(0));
  }
  EXPECT_EQ("TXT", RrTypeText(16));
  EXPECT_EQ("TYPE65280", RrTypeText(65280));
}

TEST(Mnemonics, ReadsTypesInAnyCaseAndRefusesOthers) {
  EXPECT_EQ(16, *ParseRrType("txt"));
  EXPECT_EQ(16, *ParseRrType("type16"));
  for (const char* bad : {"", "TXTT", "TYPE", "TYPE65536", "TYPE-1", "16"}) {
    EXPECT_FALSE(ParseRrType(bad).ok()) << bad;
  }
}

TEST(Mnemonics, NamesRcodes) {
  EXPECT_EQ("NXDOMAIN", RcodeText(3));
  EXPECT_EQ("BADVERS", RcodeText(16));
  EXPECT_EQ("RCODE11", RcodeText(11));
}

}  // namespace
}  // namespace rbld
