#include "mail/reported_mail.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

constexpr char kMail[] =
    "Received: from a (a [192.0.2.7])\r\n"
    "\tby mx.example.com; Tue, 24 Nov 2026 12:00:00 +0000\r\n"
    "Received: from b (b [203.0.113.9]) by a\r\n"
    "From: x@example.org\r\n"
    "Subject: spam\r\n"
    "\r\n"
    "Received: from c ([198.51.100.1]) by body\r\n";

// After RFC 5965, Appendix B.
std::string Arf(const std::string& fields, const std::string& third) {
  return absl::StrCat(
      "From: <abusedesk@example.com>\r\n"
      "Received: from outer ([198.51.100.2]) by desk\r\n"
      "Subject: FW: Earn money\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: multipart/report; report-type=feedback-report;\r\n"
      " boundary=\"part\"\r\n"
      "\r\n"
      "--part\r\n"
      "Content-Type: text/plain\r\n"
      "\r\n"
      "This is an email abuse report.\r\n"
      "--part\r\n"
      "Content-Type: message/feedback-report\r\n"
      "\r\n",
      fields, "\r\n--part\r\n", third, "\r\n--part--\r\n");
}

constexpr char kFields[] =
    "Feedback-Type: Abuse\r\n"
    "User-Agent: SomeGenerator/1.0\r\n"
    "Version: 1\r\n"
    "Source-IP: 192.0.2.7\r\n";

std::string Whole() {
  return absl::StrCat("Content-Type: message/rfc822\r\n\r\n", kMail);
}

TEST(ReportedMail, ReadsAMailsOwnReceivedFields) {
  const absl::StatusOr<ReportedMail> mail = ReadReportedMail(kMail);
  ASSERT_TRUE(mail.ok()) << mail.status();
  EXPECT_FALSE(mail->is_arf);
  ASSERT_EQ(mail->received.size(), 2u);
  EXPECT_TRUE(absl::StrContains(mail->received[0], "192.0.2.7"));
  EXPECT_TRUE(absl::StrContains(mail->received[0], "mx.example.com"));
}

TEST(ReportedMail, ReadsBareLinefeeds) {
  const absl::StatusOr<ReportedMail> mail =
      ReadReportedMail(absl::StrReplaceAll(kMail, {{"\r\n", "\n"}}));
  ASSERT_TRUE(mail.ok());
  EXPECT_EQ(mail->received.size(), 2u);
}

TEST(ReportedMail, ReadsAnAbuseReport) {
  const absl::StatusOr<ReportedMail> mail =
      ReadReportedMail(Arf(kFields, Whole()));
  ASSERT_TRUE(mail.ok()) << mail.status();
  EXPECT_TRUE(mail->is_arf);
  EXPECT_EQ(mail->feedback_type, "abuse");
  ASSERT_TRUE(mail->source.has_value());
  EXPECT_EQ(mail->source->ToString(), "192.0.2.7");
  // The reported mail's, not the report's own.
  ASSERT_EQ(mail->received.size(), 2u);
  EXPECT_TRUE(absl::StrContains(mail->received[0], "192.0.2.7"));
}

TEST(ReportedMail, ReadsAReportWithTheHeaderAlone) {
  const absl::StatusOr<ReportedMail> mail = ReadReportedMail(
      Arf(kFields, absl::StrCat("Content-Type: text/rfc822-headers\r\n\r\n",
                                "Received: from a ([192.0.2.7]) by mx\r\n")));
  ASSERT_TRUE(mail.ok()) << mail.status();
  EXPECT_EQ(mail->received.size(), 1u);
}

TEST(ReportedRelay, GoesByTheSourceOrByTrustedHops) {
  const absl::StatusOr<ReportedMail> mail =
      ReadReportedMail(Arf(kFields, Whole()));
  ASSERT_TRUE(mail.ok()) << mail.status();
  EXPECT_EQ(ReportedRelay(*mail, {})->ToString(), "192.0.2.7");
  // Named hops count more than what the report says of itself.
  ReportedMail other = *mail;
  other.source = *ParseIpPrefix("198.51.100.1");
  EXPECT_EQ(ReportedRelay(other, {})->ToString(), "198.51.100.1");
  const std::string by = ParseReceived(mail->received[0]).by;
  EXPECT_EQ(ReportedRelay(other, {{by}, {}})->ToString(), "192.0.2.7");
  EXPECT_FALSE(ReportedRelay(other, {{"elsewhere.example"}, {}}).ok());
  other.source.reset();
  EXPECT_EQ(ReportedRelay(other, {})->ToString(), "192.0.2.7");
}

TEST(ReportedRelay, OfWantedMailThereIsNone) {
  const absl::StatusOr<ReportedMail> mail = ReadReportedMail(
      Arf("Feedback-Type: Not-Spam\r\nVersion: 1\r\n", Whole()));
  ASSERT_TRUE(mail.ok()) << mail.status();
  EXPECT_TRUE(
      absl::StrContains(ReportedRelay(*mail, {}).status().message(), "wanted"));
}

TEST(ReportedMail, SaysWhatIsWrongWithAReport) {
  const auto message = [](const std::string& bytes) {
    return std::string(ReadReportedMail(bytes).status().message());
  };
  EXPECT_TRUE(absl::StrContains(message(Arf("Version: 1\r\n", Whole())),
                                "Feedback-Type"));
  EXPECT_TRUE(absl::StrContains(
      message(Arf("Feedback-Type: abuse\r\n", Whole())), "Version"));
  EXPECT_TRUE(absl::StrContains(
      message(Arf("Feedback-Type: abuse\r\nVersion: 1\r\nSource-IP: x\r\n",
                  Whole())),
      "Source-IP"));
  EXPECT_TRUE(absl::StrContains(
      message("Content-Type: multipart/report; report-type=feedback-report; "
              "boundary=p\r\n\r\n--p\r\n\r\nx\r\n--p--\r\n"),
      "message/feedback-report"));
  EXPECT_TRUE(absl::StrContains(
      message(std::string(kMaxReportedMailBytes + 1, 'x')), "longer"));
}

}  // namespace
}  // namespace rbld
