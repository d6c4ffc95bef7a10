#include "control/relay_redaction.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr char kToken[] = "abcdefghijklmnopqrstuvwxyz234567";

TEST(RedactTranscript, HidesTokensInEveryForm) {
  const std::string token = kToken;
  for (const std::string& path :
       {absl::StrCat("<", token, "@example.org>"),
        absl::StrCat("<", token, "%example.org@mx.example.com>"),
        absl::StrCat("<\"", token, "@example.org\"@mx.example.com>"),
        absl::StrCat("<example.org!", token, ">"), absl::AsciiStrToUpper(token),
        absl::StrCat("x", token, "x"),
        // A server that quotes only a part of it.
        token.substr(16), token.substr(0, 16)}) {
    const std::string shown =
        RedactTranscript(absl::StrCat("C: RCPT TO:", path, "\r\n"), "");
    EXPECT_NE(shown.find("TOKEN"), std::string::npos) << shown;
    EXPECT_EQ(absl::AsciiStrToLower(shown).find("abcdefgh"), std::string::npos)
        << shown;
    EXPECT_EQ(shown.find("qrst"), std::string::npos) << shown;
  }
}

TEST(RedactTranscript, LeavesWhatTheServerSaid) {
  const std::string text =
      "S: 220 mx.example.com ESMTP Postfix\n"
      "S: 554 5.7.1 <TOKEN@example.org>: Relay access denied\n";
  EXPECT_EQ(RedactTranscript(text, "198.51.100.1"), text);
  EXPECT_EQ(RedactTranscript("", ""), "");
}

TEST(RedactTranscript, HidesTheTestersAddress) {
  EXPECT_EQ(RedactTranscript("S: 250 hello [198.51.100.1], pleased\n",
                             "198.51.100.1"),
            "S: 250 hello [TESTER], pleased\n");
}

TEST(RedactMessage, ShowsNamesAndDatesOnly) {
  const std::string message = absl::StrCat(
      "Received: from mx.example.com ([192.0.2.1])\r\n"
      "\tby catcher for <",
      kToken,
      "@example.org>;\r\n"
      "\tTue, 24 Nov 2026 17:00:05 +0100 (CET)\r\n"
      "Received: without a date\r\n"
      "Date: 24 Nov 2026 15:59 +0000\r\n"
      "Subject: relay test ",
      kToken,
      "\r\n"
      "X-",
      kToken,
      ": x\r\n"
      "\r\n"
      "Body: ",
      kToken, "\r\n");
  EXPECT_EQ(RedactMessage(message),
            "Received: 2026-11-24T16:00:05Z\n"
            "Received:\n"
            "Date: 2026-11-24T15:59:00Z\n"
            "Subject:\n"
            "X-TOKEN:\n");
}

TEST(RedactMessage, ADateThatIsNoneIsNotShown) {
  EXPECT_EQ(RedactMessage("Date: call me\nReceived: x; secret words\n"),
            "Date:\nReceived:\n");
  EXPECT_EQ(RedactMessage("no header at all\n"), "");
  EXPECT_EQ(RedactMessage(" folded: but of nothing\n\nrest: x\n"),
            " folded:\n");
  EXPECT_EQ(RedactMessage(""), "");
}

}  // namespace
}  // namespace rbld
