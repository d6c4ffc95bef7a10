#include "relay/connect_guard.h"

#include <string>

#include "gtest/gtest.h"

namespace rbld {
namespace {

IpPrefix Address(absl::string_view text) { return *ParseIpPrefix(text); }

TEST(ConnectGuard, LetsPublicHostsThroughOnItsPortOnly) {
  const ConnectGuard guard;
  EXPECT_TRUE(guard.Check(Address("11.0.0.7"), 25).ok());
  EXPECT_TRUE(guard.Check(Address("2600::7"), 25).ok());
  EXPECT_FALSE(guard.Check(Address("11.0.0.7"), 26).ok());
  EXPECT_FALSE(guard.Check(Address("11.0.0.0/24"), 25).ok());
}

TEST(ConnectGuard, RefusesSpecialSpaceInEveryGuise) {
  ConnectGuard guard;
  guard.lab_networks = {Address("198.18.0.0/15")};
  for (const char* address : {
           "127.0.0.1",
           "127.0.0.2",
           "127.1.2.3",
           "0.0.0.0",
           "10.0.0.1",
           "172.16.0.1",
           "192.168.1.1",
           "169.254.1.1",
           "100.64.0.1",
           "224.0.0.1",
           "239.255.255.255",
           "240.0.0.1",
           "255.255.255.255",
           "192.0.2.1",
           "203.0.113.1",
           "::",
           "::1",
           "fe80::1",
           "fc00::1",
           "ff02::1",
           "2001:db8::1",
           // An IPv4 address inside, whichever it is.
           "::ffff:10.0.0.1",
           "::ffff:127.0.0.2",
           "::ffff:11.0.0.7",
           "64:ff9b::7f00:1",
           "2002:7f00:1::1",
           "2001:0:7f00:1::1",
       }) {
    EXPECT_EQ(guard.Check(Address(address), 25).code(),
              absl::StatusCode::kFailedPrecondition)
        << address;
  }
  EXPECT_TRUE(guard.Check(Address("198.18.0.7"), 25).ok());
  guard.lab_networks.clear();
  EXPECT_FALSE(guard.Check(Address("198.18.0.7"), 25).ok());
}

TEST(ConnectGuard, RefusesOurOwn) {
  ConnectGuard guard;
  guard.never = {Address("11.0.0.0/24")};
  EXPECT_FALSE(guard.Check(Address("11.0.0.7"), 25).ok());
  EXPECT_TRUE(guard.Check(Address("11.0.1.7"), 25).ok());
  // This machine's own, even where its network is let through.
  guard.lab_networks = {Address("0.0.0.0/0"), Address("::/0")};
  for (const IpPrefix& own : InterfaceAddresses()) {
    EXPECT_FALSE(guard.Check(own, 25).ok()) << own.ToString();
  }
  EXPECT_FALSE(InterfaceAddresses().empty());
}

}  // namespace
}  // namespace rbld
