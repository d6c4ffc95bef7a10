#include "store/guard.h"

#include <gtest/gtest.h>

#include <string>

namespace rbld {
namespace {

Target T(absl::string_view text) { return Target::Parse(text).value(); }

std::string Message(const ListPolicy& policy, absl::string_view text) {
  const absl::Status status = CheckTarget(policy, T(text));
  if (status.ok()) return "ok";
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  return std::string(status.message());
}

TEST(Guard, TakesPublicSpace) {
  const ListPolicy policy;
  for (const char* text :
       {"8.8.8.8", "9.0.0.0/8", "11.0.0.0/8", "192.0.1.0/24", "126.255.255.255",
        "128.0.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255",
        "2a00::/16", "2003::1", "2001:200::/23", "example.com"}) {
    EXPECT_EQ(Message(policy, text), "ok");
  }
}

TEST(Guard, RefusesSpecialPurposeSpaceAndItsEdges) {
  const ListPolicy policy;
  for (const char* text : {"0.0.0.1",         "10.0.0.0",
                           "10.255.255.255",  "100.64.0.0",
                           "100.127.255.255", "169.254.1.1",
                           "172.16.0.0",      "172.31.255.255",
                           "192.0.0.8",       "192.0.2.255",
                           "192.88.99.1",     "192.168.0.0/16",
                           "198.18.0.0",      "198.19.255.255",
                           "198.51.100.7",    "203.0.113.0/24",
                           "224.0.0.1",       "240.0.0.0",
                           "255.255.255.255", "::",
                           "::ffff:8.8.8.8",  "64:ff9b::808:808",
                           "100::1",          "2001::1",
                           "2001:db8::/32",   "2002:808:808::1",
                           "fc00::1",         "fdff::1",
                           "fe80::1",         "ff02::1"}) {
    const std::string message = Message(policy, text);
    EXPECT_NE(message.find("allow_special_purpose"), std::string::npos)
        << text << ": " << message;
    ListPolicy allows;
    allows.allow_special_purpose = true;
    EXPECT_EQ(Message(allows, text), "ok");
  }
  EXPECT_EQ(Message(policy, "10.1.2.3"),
            "10.1.2.3: is, or contains, private address space (RFC 1918); set "
            "allow_special_purpose = true for the list if that is meant");
}

TEST(Guard, RefusesAPrefixThatContainsSpecialPurposeSpace) {
  ListPolicy policy;
  policy.min_ipv4_length_bits = 0;
  policy.min_ipv6_length_bits = 0;
  EXPECT_NE(Message(policy, "0.0.0.0/0"), "ok");
  EXPECT_NE(Message(policy, "126.0.0.0/7"), "ok");
  EXPECT_NE(Message(policy, "192.0.0.0/16"), "ok");
  EXPECT_NE(Message(policy, "2000::/3"), "ok");
  EXPECT_NE(Message(policy, "::/0"), "ok");
}

TEST(Guard, NeverListsLoopbackWhateverTheListAllows) {
  ListPolicy policy;
  policy.min_ipv4_length_bits = 0;
  policy.min_ipv6_length_bits = 0;
  policy.allow_special_purpose = true;
  for (const char* text :
       {"127.0.0.1", "127.0.0.3", "127.0.0.2/31", "127.0.0.0/8", "126.0.0.0/7",
        "0.0.0.0/0", "::1", "::ffff:127.0.0.1", "::ffff:0:0/96", "::/0"}) {
    EXPECT_NE(Message(policy, text).find("never listed"), std::string::npos)
        << text;
  }
}

TEST(Guard, TakesTheTestEntriesAlways) {
  ListPolicy policy;
  policy.min_ipv4_length_bits = 32;
  EXPECT_EQ(Message(policy, "127.0.0.2"), "ok");
  EXPECT_EQ(Message(policy, "::ffff:127.0.0.2"), "ok");
  EXPECT_EQ(Message(policy, "test"), "ok");
}

TEST(Guard, RefusesTheTestNameInvalid) {
  EXPECT_EQ(Message(ListPolicy(), "invalid"),
            "invalid: the test name INVALID is never listed (RFC 5782 §5)");
  EXPECT_NE(Message(ListPolicy(), ".invalid"), "ok");
  EXPECT_EQ(Message(ListPolicy(), "*.invalid"), "ok");
}

TEST(Guard, HoldsTheFloorOfPrefixLength) {
  const ListPolicy policy;
  EXPECT_EQ(Message(policy, "0.0.0.0/0"),
            "0.0.0.0/0: shorter than /8, the shortest prefix that this list "
            "takes; list longer prefixes, or lower min_ipv4_prefix in the "
            "list's configuration");
  EXPECT_EQ(Message(policy, "12.0.0.0/7").substr(0, 28),
            "12.0.0.0/7: shorter than /8,");
  EXPECT_EQ(Message(policy, "2a00::/15").substr(0, 28),
            "2a00::/15: shorter than /16,");
}

TEST(Guard, HoldsTheListsNeverList) {
  ListPolicy policy;
  policy.never = {T("8.8.8.0/24"), T(".example.com"), T("exact.example.net")};
  for (const char* text : {"8.8.8.8", "8.8.0.0/16", "8.8.8.0/25", "example.com",
                           "a.example.com", ".com", "*.com", ".example.net",
                           "*.example.net", "exact.example.net"}) {
    EXPECT_NE(Message(policy, text).find("never-list"), std::string::npos)
        << text;
  }
  for (const char* text :
       {"8.8.9.0/24", "com", "example.net", "a.exact.example.net",
        "*.exact.example.net", "xexample.com"}) {
    EXPECT_EQ(Message(policy, text), "ok");
  }
}

TEST(Guard, SaysInAStaticTextWhyAFeedLineMayNotBe) {
  const ListPolicy policy;
  EXPECT_STREQ(WhyNotListable(policy, IpPrefix::FromIpv4(0x0a000001)),
               "private address space (RFC 1918)");
  EXPECT_EQ(WhyNotListable(policy, IpPrefix::FromIpv4(0x08080808)), nullptr);
}

TEST(Guard, ChecksValues) {
  ListPolicy policy;
  EXPECT_TRUE(CheckValues(policy, {{0x7f000002, "reason", 60}}).ok());
  EXPECT_FALSE(CheckValues(policy, {}).ok());
  EXPECT_FALSE(CheckValues(policy, {{0x0a000001, "", 0}}).ok());
  EXPECT_FALSE(
      CheckValues(policy, {{0x7f000002, std::string(4097, 'x'), 0}}).ok());
  EXPECT_FALSE(CheckValues(policy, {{0x7f000002, "a\nb", 0}}).ok());
  EXPECT_FALSE(CheckValues(policy, {{0x7f000002, "", 0x80000000u}}).ok());
  ValueSet many;
  for (uint32_t i = 0; i < 65; ++i) many.push_back({0x7f000002 + i, "", 0});
  EXPECT_FALSE(CheckValues(policy, many).ok());
  policy.allow_any_code = true;
  EXPECT_TRUE(CheckValues(policy, {{0x0a000001, "", 0}}).ok());
}

}  // namespace
}  // namespace rbld
