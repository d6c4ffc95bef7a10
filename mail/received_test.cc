#include "mail/received.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

std::string From(absl::string_view value) {
  const ReceivedHop hop = ParseReceived(value);
  return hop.from.has_value() ? hop.from->ToString() : "";
}

TEST(Received, ReadsWhatMailServersWrite) {
  // Postfix
  EXPECT_EQ(From("from helo.example (mx.example.org [192.0.2.7])\r\n"
                 "\tby mail.example.com (Postfix) with ESMTP id 4ABC\r\n"
                 "\tfor <a@b>; Tue, 24 Nov 2026 12:00:00 +0000 (UTC)"),
            "192.0.2.7");
  EXPECT_EQ(From("from x (unknown [IPv6:2001:db8::7]) by mail.example.com"),
            "2001:db8::7");
  // Exim
  EXPECT_EQ(From("from [192.0.2.7] (helo=x.example) by mail.example.com with "
                 "esmtp (Exim 4.96) id 1a"),
            "192.0.2.7");
  EXPECT_EQ(From("from mx.example.org ([192.0.2.7] helo=x) by m.example.com"),
            "192.0.2.7");
  EXPECT_EQ(From("from mx.example.org ([192.0.2.7]:4711 helo=x) by m.example"),
            "192.0.2.7");
  // sendmail
  EXPECT_EQ(From("from helo (root@mx.example.org [192.0.2.7] (may be forged)) "
                 "by mail.example.com (8.17/8.17) with ESMTP id x"),
            "192.0.2.7");
  EXPECT_EQ(From("from helo (ident@[192.0.2.7]) by mail.example.com"),
            "192.0.2.7");
  // qmail
  EXPECT_EQ(From("from unknown (HELO x.example) (192.0.2.7) by m.example with "
                 "SMTP; 24 Nov 2026"),
            "192.0.2.7");
  EXPECT_EQ(From("from unknown (HELO x) (joe@192.0.2.7) by m.example"),
            "192.0.2.7");
  // Exchange
  EXPECT_EQ(From("from HUB.example (192.0.2.7) by EDGE.example (198.51.100.1) "
                 "with Microsoft SMTP Server"),
            "192.0.2.7");
  EXPECT_EQ(ParseReceived("from a ([192.0.2.7]) by Mail.Example.COM; x").by,
            "mail.example.com");
}

TEST(Received, NeverTakesWhatTheClientSaid) {
  EXPECT_EQ(From("from [203.0.113.9] (unknown [192.0.2.7]) by m.example"),
            "192.0.2.7");
  EXPECT_EQ(From("from [192.0.2.7] (helo=[203.0.113.9]) by m.example"),
            "192.0.2.7");
  EXPECT_EQ(
      From("from mx.example ([192.0.2.7] helo=[203.0.113.9]) by m.example"),
      "192.0.2.7");
  EXPECT_EQ(From("from mx ([192.0.2.7] helo=x ident=[203.0.113.9]) by m"),
            "192.0.2.7");
  EXPECT_EQ(From("from unknown (HELO [203.0.113.9]) (192.0.2.7) by m.example"),
            "192.0.2.7");
  EXPECT_EQ(From("from unknown (HELO 203.0.113.9) (192.0.2.7) by m.example"),
            "192.0.2.7");
  // A HELO name, and a reverse name, made to look like an address.
  EXPECT_EQ(From("from 203.0.113.9 (203.0.113.9 [192.0.2.7]) by m.example"),
            "192.0.2.7");
  // What stands behind "by" is the receiver's own.
  EXPECT_EQ(From("from x by m.example ([192.0.2.7]) with SMTP"), "");
}

TEST(Received, TellsNothingWhereThereIsNothing) {
  EXPECT_EQ(From(""), "");
  EXPECT_EQ(From("by m.example with local"), "");
  EXPECT_EQ(From("from x (((("), "");
  EXPECT_EQ(From("from x (y [999.1.1.1]) by z"), "");
  EXPECT_EQ(From("(qmail 12345 invoked by uid 0); 24 Nov 2026"), "");
}

TEST(RelayOf, TrustsTheNewestFieldAlone) {
  const std::vector<std::string> fields = {
      "from a (a [192.0.2.7]) by mx.example.com",
      "from b (b [203.0.113.9]) by a"};
  EXPECT_EQ(RelayOf(fields, {})->ToString(), "192.0.2.7");
}

TEST(RelayOf, GoesPastTrustedHopsAndNoFurther) {
  const std::vector<std::string> fields = {
      "from mx2 (mx2.example.com [198.51.100.2]) by mx1.example.com",
      "from a (a [192.0.2.7]) by mx2.example.com",
      "from b (b [203.0.113.9]) by a"};
  TrustedHops trusted;
  trusted.names = {"mx1.example.com", "mx2.example.com"};
  trusted.prefixes = {*ParseIpPrefix("198.51.100.0/24")};
  EXPECT_EQ(RelayOf(fields, trusted)->ToString(), "192.0.2.7");
  // By its addresses only.
  trusted.names.clear();
  EXPECT_EQ(RelayOf(fields, trusted)->ToString(), "192.0.2.7");
  // The next hop is trusted by address, but who wrote its field is not.
  trusted.names = {"mx1.example.com"};
  EXPECT_FALSE(RelayOf(fields, trusted).ok());
}

TEST(RelayOf, SaysWhereItEnded) {
  EXPECT_TRUE(
      absl::StrContains(RelayOf({}, {}).status().message(), "no Received"));
  TrustedHops trusted;
  trusted.names = {"mx.example.com"};
  EXPECT_TRUE(absl::StrContains(
      RelayOf({"from a (a [192.0.2.7]) by forged.example"}, trusted)
          .status()
          .message(),
      "forged.example"));
  EXPECT_TRUE(absl::StrContains(
      RelayOf({"from a by mx.example.com"}, trusted).status().message(),
      "no address"));
}

}  // namespace
}  // namespace rbld
