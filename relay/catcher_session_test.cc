#include "relay/catcher_session.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/relay/token.h"

namespace rbld {
namespace {

class CatcherSessionTest : public testing::Test {
 protected:
  CatcherSessionTest() {
    settings_.host_name = "catcher.d.example";
    settings_.domain = "d.example";
    token_ = SignToken(std::string(kTokenKeyBytes, 'k'),
                       {*ParseIpPrefix("192.0.2.7"), 25},
                       {1, TokenKind::kRecipient, 0, 1'900'000'000});
    session_.emplace(settings_);
    EXPECT_TRUE(absl::StartsWith(session_->TakeBytesToSend(), "220 "));
  }

  // The reply to one line.
  std::string Ask(const std::string& line) {
    session_->OnBytes(line + "\r\n");
    return session_->TakeBytesToSend();
  }
  // Up to an accepted recipient.
  void Begin() {
    Ask("EHLO relay.example");
    EXPECT_TRUE(absl::StartsWith(Ask("MAIL FROM:<a@b.example>"), "250"));
    EXPECT_EQ(Ask(absl::StrCat("RCPT TO:<", token_, "@d.example>")), "");
    EXPECT_EQ(session_->TakeTokenToCheck(), token_);
    session_->OnTokenChecked(TokenState::kValid);
    EXPECT_TRUE(absl::StartsWith(session_->TakeBytesToSend(), "250"));
  }
  void BeginData() {
    Begin();
    EXPECT_TRUE(absl::StartsWith(Ask("DATA"), "354"));
  }

  CatcherSettings settings_;
  std::string token_;
  std::optional<CatcherSession> session_;
};

TEST_F(CatcherSessionTest, TakesAMessageForALiveToken) {
  BeginData();
  session_->OnBytes("Subject: x\r\n\r\n..dot\r\n.\r\n");
  EXPECT_EQ(session_->TakeBytesToSend(), "");  // not before it is kept
  const std::optional<CatcherSession::Message> message =
      session_->TakeMessage();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->token, token_);
  EXPECT_EQ(message->text, "Subject: x\r\n\r\n.dot\r\n");
  session_->OnMessageStored(TokenState::kValid);
  EXPECT_TRUE(absl::StartsWith(session_->TakeBytesToSend(), "250"));
  EXPECT_TRUE(absl::StartsWith(Ask("QUIT"), "221"));
  EXPECT_TRUE(session_->is_finished());
}

TEST_F(CatcherSessionTest, AsksToTryAgainWhenNobodyKnows) {
  Ask("EHLO relay.example");
  Ask("MAIL FROM:<>");
  Ask(absl::StrCat("RCPT TO:<", token_, "@d.example>"));
  session_->OnTokenChecked(std::nullopt);
  EXPECT_TRUE(absl::StartsWith(session_->TakeBytesToSend(), "451"));
  Ask("RSET");
  BeginData();
  session_->OnBytes("x\r\n.\r\n");
  ASSERT_TRUE(session_->TakeMessage().has_value());
  session_->OnMessageStored(std::nullopt);
  EXPECT_TRUE(absl::StartsWith(session_->TakeBytesToSend(), "451"));
}

TEST_F(CatcherSessionTest, RefusesTokensThatAreNotLive) {
  for (const TokenState state :
       {TokenState::kForged, TokenState::kExpired, TokenState::kReplayed}) {
    session_.emplace(settings_);
    session_->TakeBytesToSend();
    Ask("EHLO relay.example");
    Ask("MAIL FROM:<>");
    Ask(absl::StrCat("RCPT TO:<", token_, "@d.example>"));
    session_->OnTokenChecked(state);
    EXPECT_TRUE(absl::StartsWith(session_->TakeBytesToSend(), "550"));
    EXPECT_TRUE(absl::StartsWith(Ask("DATA"), "503"));
  }
}

TEST_F(CatcherSessionTest, RelaysNothing) {
  const std::string t = token_;
  const std::vector<std::string> paths = {"<user@other.example>",
                                          "<user@d.example>",
                                          "<postmaster>",
                                          "<postmaster@d.example>",
                                          "<" + t + "@other.example>",
                                          "<" + t + "%other.example@d.example>",
                                          "<" + t + "@d.example@other.example>",
                                          "<@d.example:x@other.example>",
                                          "<other.example!" + t + ">",
                                          "<" + t + ">",
                                          "<\"x@other.example\"@d.example>",
                                          "<" + t + "@[192.0.2.1]>"};
  for (const std::string& path : paths) {
    session_.emplace(settings_);
    session_->TakeBytesToSend();
    Ask("EHLO relay.example");
    Ask("MAIL FROM:<a@b.example>");
    const std::string reply = Ask("RCPT TO:" + path);
    EXPECT_TRUE(absl::StartsWith(reply, "55")) << path << ": " << reply;
    EXPECT_FALSE(session_->TakeTokenToCheck().has_value()) << path;
  }
}

TEST_F(CatcherSessionTest, TakesATokenInAnyCaseQuotedOrRouted) {
  const std::string upper = absl::AsciiStrToUpper(token_);
  for (const std::string& path :
       {"<" + upper + "@D.EXAMPLE>", "<\"" + token_ + "\"@d.example>",
        "<@a.example,@b.example:" + token_ + "@d.example>"}) {
    session_.emplace(settings_);
    session_->TakeBytesToSend();
    Ask("EHLO relay.example");
    Ask("MAIL FROM:<a@b.example>");
    Ask("RCPT TO:" + path);
    EXPECT_EQ(session_->TakeTokenToCheck(), token_) << path;
  }
}

TEST_F(CatcherSessionTest, AMessageEndsAtOneMarkOnly) {
  BeginData();
  // The forms of SMTP smuggling: each is text here.
  session_->OnBytes("a\n.\nb\n.\r\nc\r\n.\nd\r.\re\r\n.\rf\r\n");
  session_->OnBytes("MAIL FROM:<evil@b.example>\r\n");
  EXPECT_EQ(session_->TakeBytesToSend(), "");
  EXPECT_FALSE(session_->TakeMessage().has_value());
  session_->OnBytes(".\r\n");
  const std::optional<CatcherSession::Message> message =
      session_->TakeMessage();
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(absl::StrContains(message->text, "evil"));
}

TEST_F(CatcherSessionTest, ReadsAMessageHoweverItIsCut) {
  const std::string whole = "A: b\r\n\r\n.. x\r\n\r\n..\r\ny\r\n.\r\n";
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    session_.emplace(settings_);
    session_->TakeBytesToSend();
    BeginData();
    session_->OnBytes(whole.substr(0, cut));
    session_->OnBytes(whole.substr(cut));
    const std::optional<CatcherSession::Message> message =
        session_->TakeMessage();
    ASSERT_TRUE(message.has_value()) << cut;
    EXPECT_EQ(message->text, "A: b\r\n\r\n. x\r\n\r\n.\r\ny\r\n") << cut;
  }
}

TEST_F(CatcherSessionTest, KeepsTheHeadOfALongMessageAndRefusesATooLongOne) {
  BeginData();
  const std::string line = std::string(98, 'x') + "\r\n";
  for (int i = 0; i < 1000; ++i) session_->OnBytes(line);
  session_->OnBytes(".\r\n");
  std::optional<CatcherSession::Message> message = session_->TakeMessage();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->text.size(), kMaxKeptBytes);
  session_->OnMessageStored(TokenState::kValid);
  session_->TakeBytesToSend();
  Begin();
  Ask("DATA");
  for (int i = 0; i < 12'000; ++i) session_->OnBytes(line);
  session_->OnBytes(".\r\n");
  EXPECT_FALSE(session_->TakeMessage().has_value());
  EXPECT_TRUE(absl::StartsWith(session_->TakeBytesToSend(), "552"));
}

TEST_F(CatcherSessionTest, CommandsInOneGoAreAnsweredInOrder) {
  session_->OnBytes(absl::StrCat("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<", token_,
                                 "@d.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"));
  session_->TakeBytesToSend();
  session_->OnTokenChecked(TokenState::kValid);
  EXPECT_TRUE(absl::StrContains(session_->TakeBytesToSend(), "354"));
  ASSERT_TRUE(session_->TakeMessage().has_value());
  EXPECT_FALSE(session_->is_finished());
  session_->OnMessageStored(TokenState::kValid);
  EXPECT_TRUE(absl::StrContains(session_->TakeBytesToSend(), "221"));
  EXPECT_TRUE(session_->is_finished());
}

TEST_F(CatcherSessionTest, OneRecipientAMessage) {
  Begin();
  EXPECT_TRUE(absl::StartsWith(
      Ask(absl::StrCat("RCPT TO:<", token_, "@d.example>")), "452"));
}

TEST_F(CatcherSessionTest, HangsUpOnLongLinesManyMistakesAndIdlers) {
  session_->OnBytes(std::string(kMaxCommandBytes + 1, 'x'));
  EXPECT_TRUE(session_->is_finished());

  session_.emplace(settings_);
  for (int i = 0; i < 20 && !session_->is_finished(); ++i) Ask("HELP");
  EXPECT_TRUE(session_->is_finished());

  session_.emplace(settings_);
  session_->OnIdle();
  EXPECT_TRUE(session_->is_finished());
  EXPECT_TRUE(absl::StrContains(session_->TakeBytesToSend(), "421"));
}

}  // namespace
}  // namespace rbld
