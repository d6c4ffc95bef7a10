#include "base/ip_prefix.h"

#include <gtest/gtest.h>

namespace rbld {
namespace {

TEST(IpPrefix, ParsesAndPrints) {
  for (const char* text :
       {"192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::1",
        "2001:db8::/32", "::/0", "::ffff:7f00:2", "255.255.255.255"}) {
    auto prefix = ParseIpPrefix(text);
    ASSERT_TRUE(prefix.ok()) << text << ": " << prefix.status();
    // RFC 5952 §5 writes v4-mapped addresses in mixed form.
    if (std::string(text) != "::ffff:7f00:2") {
      EXPECT_EQ(prefix->ToString(), text);
    }
  }
  EXPECT_EQ(ParseIpPrefix("192.0.2.1/32")->ToString(), "192.0.2.1");
}

TEST(IpPrefix, RejectsWhatIsNoPrefix) {
  for (const char* text :
       {"", "192.0.2", "192.0.2.256", "192.0.02.1", "192.0.2.1/33",
        "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/ 8", "-1.0.0.0",
        "2001:db8::/129", "2001:db8", "1.2.3.4.5", "1.2.3.4 ", "example.com",
        ":::"}) {
    EXPECT_FALSE(ParseIpPrefix(text).ok()) << text;
  }
}

TEST(IpPrefix, NamesThePrefixThatWasMeant) {
  auto prefix = ParseIpPrefix("192.0.2.77/24");
  ASSERT_FALSE(prefix.ok());
  EXPECT_NE(prefix.status().message().find("192.0.2.0/24"), std::string::npos);
}

TEST(IpPrefix, OrdersAPrefixBeforeItsInside) {
  EXPECT_LT(*ParseIpPrefix("192.0.2.0/24"), *ParseIpPrefix("192.0.2.0/25"));
  EXPECT_LT(*ParseIpPrefix("192.0.2.0/25"), *ParseIpPrefix("192.0.2.1"));
  EXPECT_LT(*ParseIpPrefix("192.0.2.255"), *ParseIpPrefix("192.0.3.0/24"));
  EXPECT_LT(*ParseIpPrefix("255.0.0.0"), *ParseIpPrefix("::"));
}

TEST(IpPrefix, Contains) {
  EXPECT_TRUE(
      ParseIpPrefix("10.0.0.0/8")->Contains(*ParseIpPrefix("10.1.2.3")));
  EXPECT_FALSE(
      ParseIpPrefix("10.0.0.0/8")->Contains(*ParseIpPrefix("11.0.0.0/8")));
  EXPECT_FALSE(
      ParseIpPrefix("10.0.0.0/9")->Contains(*ParseIpPrefix("10.0.0.0/8")));
  EXPECT_FALSE(ParseIpPrefix("0.0.0.0/0")->Contains(*ParseIpPrefix("::1")));
}

TEST(IpPrefix, CoversRangesWithTheFewestPrefixes) {
  auto cover = [](const char* text) {
    std::string joined;
    auto prefixes = ParseIpRange(text);
    if (!prefixes.ok()) return std::string(prefixes.status().message());
    for (const IpPrefix& prefix : *prefixes) joined += prefix.ToString() + " ";
    return joined;
  };
  EXPECT_EQ(cover("192.0.2.0-192.0.2.255"), "192.0.2.0/24 ");
  EXPECT_EQ(cover("192.0.2.1-192.0.2.6"),
            "192.0.2.1 192.0.2.2/31 192.0.2.4/31 192.0.2.6 ");
  EXPECT_EQ(cover("0.0.0.0-255.255.255.255"), "0.0.0.0/0 ");
  EXPECT_EQ(cover("255.255.255.254-255.255.255.255"), "255.255.255.254/31 ");
  EXPECT_EQ(cover("2001:db8::-2001:db8::1:ffff"), "2001:db8::/111 ");
  EXPECT_NE(cover("192.0.2.9-192.0.2.1").find("inverted"), std::string::npos);
  EXPECT_NE(cover("192.0.2.9-2001::").find("mixes"), std::string::npos);
}

}  // namespace
}  // namespace rbld
