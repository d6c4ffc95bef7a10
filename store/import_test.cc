#include "store/import.h"

#include <gtest/gtest.h>

#include <string>

namespace rbld {
namespace {

Target T(absl::string_view text) { return Target::Parse(text).value(); }

TEST(Import, GivesEqualValueSetsOneNumber) {
  Import import{ListPolicy()};
  const auto a =
      import.InternValues({{0x7f000003, "b", 0}, {0x7f000002, "a", 0}});
  const auto b = import.InternValues(
      {{0x7f000002, "a", 0}, {0x7f000003, "b", 0}, {0x7f000003, "b", 0}});
  const auto c = import.InternValues({{0x7f000002, "a", 60}});
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(*a, *b);
  EXPECT_NE(*a, *c);
  EXPECT_EQ(import.value_sets()[*a].size(), 2u);
}

TEST(Import, RefusesBadValues) {
  Import import{ListPolicy()};
  EXPECT_FALSE(import.InternValues({}).ok());
  EXPECT_FALSE(import.InternValues({{0x01020304, "", 0}}).ok());
  EXPECT_TRUE(import.value_sets().empty());
}

TEST(Import, ChecksAddressesOnTheFastPath) {
  Import import{ListPolicy()};
  const uint32_t values = import.InternValues({{0x7f000002, "", 0}}).value();
  EXPECT_EQ(import.AddIpv4(0x08080808, 32, values), nullptr);
  EXPECT_EQ(import.AddIpv4(0x08080000, 16, values), nullptr);
  EXPECT_EQ(import.AddIpv4(0x7f000002, 32, values), nullptr);
  EXPECT_STREQ(import.AddIpv4(0x0a000001, 32, values),
               "private address space (RFC 1918)");
  EXPECT_STREQ(import.AddIpv4(0xc0000201, 32, values),
               "documentation (RFC 5737)");
  EXPECT_STREQ(import.AddIpv4(0x7f000001, 32, values), "loopback (RFC 1122)");
  EXPECT_STREQ(import.AddIpv4(0x08000000, 7, values),
               "shorter than the list's shortest prefix (min_ipv4_prefix)");
  EXPECT_STREQ(import.AddIpv4(0x08080808, 24, values),
               "bits set behind the prefix");
  EXPECT_EQ(import.accepted_count(), 3u);
}

TEST(Import, HoldsTheNeverListOnTheFastPath) {
  ListPolicy policy;
  policy.never = {T("8.8.8.0/24")};
  Import import(policy);
  const uint32_t values = import.InternValues({{0x7f000002, "", 0}}).value();
  EXPECT_STREQ(import.AddIpv4(0x08080801, 32, values),
               "on the list's never-list");
  EXPECT_EQ(import.AddIpv4(0x08080701, 32, values), nullptr);
}

TEST(Import, KeepsPlainAddressesShortAndDetailsBesideThem) {
  Import import{ListPolicy()};
  const uint32_t values = import.InternValues({{0x7f000002, "", 0}}).value();
  ASSERT_TRUE(import.AddListing(T("8.8.8.8"), values).ok());
  EntryDetails details;
  details.note = "seen twice";
  ASSERT_TRUE(import.AddListing(T("8.8.8.9"), values, details).ok());
  ASSERT_TRUE(import.AddListing(T("example.com"), values).ok());
  ASSERT_TRUE(import.AddExemption(T("8.8.8.10")).ok());
  EXPECT_EQ(import.ipv4().size(), 1u);
  ASSERT_EQ(import.others().size(), 3u);
  EXPECT_EQ(import.others()[0].details.note, "seen twice");
  EXPECT_TRUE(import.others()[2].exemption);
  EXPECT_EQ(import.accepted_count(), 4u);
}

TEST(Import, RefusesControlCharactersInDetails) {
  Import import{ListPolicy()};
  const uint32_t values = import.InternValues({{0x7f000002, "", 0}}).value();
  EntryDetails details;
  details.author = "a\nb";
  EXPECT_FALSE(import.AddListing(T("8.8.8.8"), values, details).ok());
  EXPECT_FALSE(import.AddExemption(T("8.8.8.8"), details).ok());
  EXPECT_EQ(import.accepted_count(), 0u);
}

TEST(Import, CountsEveryRejectedLineAndKeepsTheFirstThousand) {
  Import import{ListPolicy()};
  for (uint64_t line = 1; line <= 1500; ++line) import.Reject(line, "x", "why");
  EXPECT_EQ(import.rejected_count(), 1500u);
  ASSERT_EQ(import.rejected().size(), 1000u);
  EXPECT_EQ(import.rejected().back().line, 1000u);
}

TEST(Import, CountsWarningsApartFromRejections) {
  Import import{ListPolicy()};
  import.Warn(3, "x", "odd");
  EXPECT_EQ(import.rejected_count(), 0u);
  EXPECT_EQ(import.warned().count(), 1u);
  EXPECT_EQ(import.warned().kept()[0].line, 3u);
}

TEST(Import, ShowsControlBytesOfRejectedTextAndCutsIt) {
  Import import{ListPolicy()};
  import.Reject(7, std::string("a\0b\x1b", 4), "control");
  EXPECT_EQ(import.rejected()[0].text, "a\\x00b\\x1b");
  import.Reject(8, std::string(1000, 'y'), "long");
  EXPECT_EQ(import.rejected()[1].text, std::string(80, 'y'));
}

}  // namespace
}  // namespace rbld
