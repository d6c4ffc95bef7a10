#include "relay/dialogue.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

using Pairs = std::vector<std::pair<FormId, FormOutcome>>;

// Plays a server against the dialogue: gets each command, gives the reply.
class Session {
 public:
  // A reply of "" closes the connection.
  using Server = std::function<std::string(const std::string& command)>;

  explicit Session(std::vector<FormId> forms = {0, 1, 2}) {
    settings_.domain = "d.example";
    settings_.ehlo_name = "tester.example";
    settings_.url = "https://d.example/";
    settings_.contact = "people@d.example";
    work_.address = "192.0.2.7";
    for (const FormId form : forms) {
      work_.probes.push_back(
          {form, absl::StrCat("t", int{form}), absl::StrCat("s", int{form})});
    }
    work_.max_messages = 3;
    work_.date = "Tue, 24 Nov 2026 12:00:00 +0000";
  }

  DialogueSettings& settings() { return settings_; }
  DialogueWork& work() { return work_; }
  Dialogue& dialogue() { return *dialogue_; }
  int64_t now_ms = 0;
  std::vector<std::string> commands;
  std::string messages;
  bool proves = false;  // answers a pause with the token

  void Start() {
    dialogue_.emplace(settings_, work_, now_ms);
    dialogue_->OnConnected(now_ms);
  }

  void Run(const std::string& greeting, const Server& server) {
    Start();
    Play(greeting, server);
  }

  void Play(const std::string& greeting, const Server& server) {
    Give(greeting);
    for (int i = 0; i < 1000 && !dialogue_->is_finished(); ++i) {
      if (dialogue_->TakeStartTls()) {
        dialogue_->OnTlsStarted(now_ms);
        continue;
      }
      if (dialogue_->awaits_proof()) {
        if (proves) {
          dialogue_->OnProven(now_ms);
        } else {
          now_ms = dialogue_->timer_at_ms();
          dialogue_->OnTimer(now_ms);
        }
        continue;
      }
      const std::string sent = dialogue_->TakeBytesToSend();
      if (sent.empty()) {
        now_ms = dialogue_->timer_at_ms();
        dialogue_->OnTimer(now_ms);
        continue;
      }
      if (absl::EndsWith(sent, "\r\n.\r\n")) {
        messages += sent;
        Give(server("."));
        continue;
      }
      const std::string command = sent.substr(0, sent.size() - 2);
      EXPECT_EQ(command.find('\n'), std::string::npos) << command;
      commands.push_back(command);
      Give(server(command));
    }
    ASSERT_TRUE(dialogue_->is_finished());
  }

 private:
  void Give(const std::string& reply) {
    if (reply.empty()) {
      dialogue_->OnClosed(now_ms, "closed by the server");
    } else {
      dialogue_->OnBytes(now_ms, reply);
    }
  }

  DialogueSettings settings_;
  DialogueWork work_;
  std::optional<Dialogue> dialogue_;
};

std::string Accept(const std::string& command) {
  if (absl::StartsWith(command, "DATA")) return "354 go on\r\n";
  if (absl::StartsWith(command, "QUIT")) return "221 bye\r\n";
  return "250 fine\r\n";
}

std::string Refuse(const std::string& command) {
  if (absl::StartsWith(command, "RCPT")) return "550 relaying denied\r\n";
  return Accept(command);
}

TEST(Dialogue, AsksAFormAfterTheOtherAndQuits) {
  Session session;
  session.Run("220 mx.example.com ESMTP\r\n", Refuse);
  EXPECT_EQ(
      session.commands,
      (std::vector<std::string>{
          "EHLO tester.example", "MAIL FROM:<s0@d.example>",
          "RCPT TO:<t0@d.example>", "RSET", "MAIL FROM:<s1@mx.example.com>",
          "RCPT TO:<t1@d.example>", "RSET", "MAIL FROM:<s2@[192.0.2.7]>",
          "RCPT TO:<t2@d.example>", "QUIT"}));
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kDone);
  EXPECT_EQ(session.dialogue().outcomes(), (Pairs{{0, FormOutcome::kRefused},
                                                  {1, FormOutcome::kRefused},
                                                  {2, FormOutcome::kRefused}}));
}

TEST(Dialogue, SendsAMessageThatSaysWhatItIs) {
  Session session({0});
  session.Run("220 mx.example.com\r\n", Accept);
  EXPECT_EQ(session.dialogue().outcomes(),
            (Pairs{{0, FormOutcome::kAccepted}}));
  for (const char* text :
       {"From: Open relay test\r\n <s0@d.example>", "To: t0@d.example",
        "Date: Tue, 24 Nov 2026", "Auto-Submitted: auto-generated",
        "https://d.example/", "people@d.example", "Test: t0"}) {
    EXPECT_TRUE(absl::StrContains(session.messages, text)) << text;
  }
  // RFC 5321 §4.5.2 and §2.3.8: no line begins with a dot but the last, and
  // lines end in CRLF.
  for (const absl::string_view line :
       absl::StrSplit(session.messages, "\r\n")) {
    EXPECT_EQ(line.find('\n'), absl::string_view::npos);
    EXPECT_LE(line.size(), 78u);
    EXPECT_TRUE(line.empty() || line[0] != '.' || line == ".") << line;
  }
}

TEST(Dialogue, NoDataWithoutAnAcceptedRecipient) {
  Session session;
  session.Run("220 mx.example.com\r\n", Refuse);
  EXPECT_EQ(
      std::count(session.commands.begin(), session.commands.end(), "DATA"), 0);
}

TEST(Dialogue, StopsWhenTheMessageCameBack) {
  Session session;
  session.proves = true;
  session.Run("220 mx.example.com\r\n", Accept);
  EXPECT_EQ(session.dialogue().outcomes(),
            (Pairs{{0, FormOutcome::kAccepted}}));
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kDone);
  EXPECT_EQ(session.commands.back(), "QUIT");
}

TEST(Dialogue, StopsAfterTheAllowedMessages) {
  Session session({0, 1, 2, 3});
  session.work().max_messages = 2;
  session.Run("220 mx.example.com\r\n", Accept);
  EXPECT_EQ(session.dialogue().outcomes().size(), 2u);
  EXPECT_EQ(session.commands.back(), "QUIT");
}

TEST(Dialogue, WaitsForAProofBeforeItAsksAgain) {
  Session session({0, 1});
  session.Run("220 mx.example.com\r\n", Accept);
  EXPECT_EQ(session.now_ms, session.settings().proof_seconds * 1000);
}

TEST(Dialogue, TellsDeferredFromRefused) {
  Session session({0, 1});
  session.Run("220 mx.example.com\r\n", [](const std::string& command) {
    if (absl::StartsWith(command, "RCPT")) {
      return std::string("450 greylisted\r\n");
    }
    return Accept(command);
  });
  EXPECT_EQ(session.dialogue().outcomes(),
            (Pairs{{0, FormOutcome::kDeferred}, {1, FormOutcome::kDeferred}}));
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kDone);
}

TEST(Dialogue, ARefusedMailNeedsNoReset) {
  Session session({0, 1});
  session.Run("220 mx.example.com\r\n", [](const std::string& command) {
    if (absl::StartsWith(command, "MAIL")) return std::string("553 no\r\n");
    return Accept(command);
  });
  EXPECT_EQ(
      std::count(session.commands.begin(), session.commands.end(), "RSET"), 0);
  EXPECT_EQ(session.dialogue().outcomes().size(), 2u);
}

TEST(Dialogue, FallsBackToHelo) {
  Session session({0});
  session.Run("220 mx.example.com\r\n", [](const std::string& command) {
    if (absl::StartsWith(command, "EHLO")) return std::string("502 what\r\n");
    return Refuse(command);
  });
  EXPECT_EQ(session.commands[1], "HELO tester.example");
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kDone);
}

TEST(Dialogue, StartsTlsOnlyWhenMailNeedsIt) {
  Session session({0});
  bool tls = false;
  session.Run("220 mx.example.com\r\n", [&tls](const std::string& command) {
    if (absl::StartsWith(command, "EHLO")) {
      return std::string("250-mx.example.com\r\n250 STARTTLS\r\n");
    }
    if (command == "STARTTLS") {
      tls = true;
      return std::string("220 go\r\n");
    }
    if (absl::StartsWith(command, "MAIL") && !tls) {
      return std::string("530 Must issue a STARTTLS command first\r\n");
    }
    return Refuse(command);
  });
  EXPECT_EQ(session.commands,
            (std::vector<std::string>{
                "EHLO tester.example", "MAIL FROM:<s0@d.example>", "STARTTLS",
                "EHLO tester.example", "MAIL FROM:<s0@d.example>",
                "RCPT TO:<t0@d.example>", "QUIT"}));

  Session plain({0});
  plain.Run("220 mx.example.com\r\n", [](const std::string& command) {
    if (absl::StartsWith(command, "EHLO")) {
      return std::string("250-mx.example.com\r\n250 STARTTLS\r\n");
    }
    return Refuse(command);
  });
  EXPECT_EQ(
      std::count(plain.commands.begin(), plain.commands.end(), "STARTTLS"), 0);
}

TEST(Dialogue, TakesTheHostsNameFromTheGreetingOrElsewhere) {
  const auto host = [](const std::string& greeting, const std::string& ehlo,
                       const std::string& reverse) {
    Session session({1});
    session.work().reverse_name = reverse;
    session.Run(greeting, [&](const std::string& command) {
      return absl::StartsWith(command, "EHLO") ? ehlo : Refuse(command);
    });
    return session.commands[1];
  };
  EXPECT_EQ(host("220 mx.example.com hi\r\n", "250 other.example\r\n", ""),
            "MAIL FROM:<s1@mx.example.com>");
  EXPECT_EQ(host("220 hello\r\n", "250 other.example\r\n", "r.example"),
            "MAIL FROM:<s1@other.example>");
  EXPECT_EQ(host("220 hello\r\n", "250 fine\r\n", "r.example"),
            "MAIL FROM:<s1@r.example>");
  EXPECT_EQ(host("220 hello\r\n", "250 fine\r\n", ""),
            "MAIL FROM:<s1@[192.0.2.7]>");
  // What a server says of itself goes into no command as it is.
  EXPECT_EQ(host("220 a.b>SIZE=1 x\r\n", "250 fine\r\n", "r.example"),
            "MAIL FROM:<s1@r.example>");
}

TEST(Dialogue, NoGreetingIsUnreachable) {
  for (const char* greeting :
       {"554 no service\r\n", "421 busy\r\n", "450 later\r\n", ""}) {
    Session session;
    session.Run(greeting, Accept);
    EXPECT_EQ(session.dialogue().end(), SessionEnd::kUnreachable) << greeting;
    EXPECT_TRUE(session.dialogue().outcomes().empty());
  }
  Session silent;
  silent.Start();
  silent.now_ms = silent.dialogue().timer_at_ms();
  EXPECT_EQ(silent.now_ms, 300'000);
  silent.dialogue().OnTimer(silent.now_ms);
  EXPECT_EQ(silent.dialogue().end(), SessionEnd::kUnreachable);
}

TEST(Dialogue, ASessionThatIsCutKeepsWhatItHas) {
  Session session;
  int recipients = 0;
  session.Run("220 mx.example.com\r\n", [&](const std::string& command) {
    if (absl::StartsWith(command, "RCPT") && ++recipients == 2) {
      return std::string("421 too many errors\r\n");
    }
    return Refuse(command);
  });
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kCut);
  EXPECT_EQ(session.dialogue().outcomes(), (Pairs{{0, FormOutcome::kRefused}}));
}

TEST(Dialogue, AMessageWithoutAnAnswerCountsAsTaken) {
  // Closed; an answer too many; no SMTP; no use here.
  for (const char* reply :
       {"", "250 taken\r\n250 taken\r\n", "taken\r\n", "354 go on\r\n"}) {
    Session session;
    session.Run("220 mx.example.com\r\n", [&](const std::string& command) {
      return command == "." ? std::string(reply) : Accept(command);
    });
    EXPECT_EQ(session.dialogue().end(), SessionEnd::kCut) << reply;
    EXPECT_EQ(session.dialogue().outcomes(),
              (Pairs{{0, FormOutcome::kAccepted}}))
        << reply;
  }
  Session silent;
  silent.Start();
  for (const char* reply : {"220 mx.example.com\r\n", "250 a\r\n", "250 b\r\n",
                            "250 c\r\n", "354 d\r\n"}) {
    silent.dialogue().OnBytes(0, reply);
  }
  silent.dialogue().OnTimer(silent.dialogue().timer_at_ms());
  EXPECT_EQ(silent.dialogue().outcomes(), (Pairs{{0, FormOutcome::kAccepted}}));
}

TEST(Dialogue, AMessageThatTheServerGivesUpOnWasNotTaken) {
  Session session;
  session.Run("220 mx.example.com\r\n", [](const std::string& command) {
    return command == "." ? std::string("421 no room\r\n") : Accept(command);
  });
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kCut);
  EXPECT_TRUE(session.dialogue().outcomes().empty());
}

TEST(Dialogue, ATarpitIsLeftAfterTwentyMinutes) {
  Session session;
  session.Start();
  // A line every four minutes, of a reply that never ends.
  session.dialogue().OnBytes(0, "220-welcome\r\n");
  while (!session.dialogue().is_finished()) {
    session.now_ms =
        std::min(session.now_ms + 240'000, session.dialogue().timer_at_ms());
    ASSERT_LE(session.now_ms, 1'200'000);
    if (session.now_ms == session.dialogue().timer_at_ms()) {
      session.dialogue().OnTimer(session.now_ms);
    } else {
      session.dialogue().OnBytes(session.now_ms, "220-please wait\r\n");
    }
  }
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kUnreachable);
}

TEST(Dialogue, AnAnswerToNoQuestionEndsIt) {
  Session early;
  early.Run("220 mx.example.com\r\n", [](const std::string& command) {
    if (absl::StartsWith(command, "MAIL")) {
      return std::string("250 fine\r\n250 fine\r\n354 go on\r\n250 taken\r\n");
    }
    return Accept(command);
  });
  EXPECT_EQ(early.dialogue().end(), SessionEnd::kCut);
  EXPECT_TRUE(early.dialogue().outcomes().empty());

  Session in_pause({0, 1});
  in_pause.Start();
  in_pause.dialogue().OnBytes(0, "220 mx.example.com\r\n");
  for (const char* reply :
       {"250 a\r\n", "250 b\r\n", "250 c\r\n", "354 d\r\n", "250 e\r\n"}) {
    in_pause.dialogue().OnBytes(0, reply);
  }
  ASSERT_TRUE(in_pause.dialogue().awaits_proof());
  in_pause.dialogue().OnBytes(0, "250 f\r\n");
  EXPECT_EQ(in_pause.dialogue().end(), SessionEnd::kCut);
}

TEST(Dialogue, WhatIsNotSmtpEndsIt) {
  for (const std::string& greeting :
       {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string(5000, 'x'),
        std::string("220\tmx\r\n"), std::string("220-a\r\n550 b\r\n"),
        std::string("\r\n"), std::string("\x16\x03\x01\n", 4)}) {
    Session session;
    session.Run(greeting, Accept);
    EXPECT_EQ(session.dialogue().end(), SessionEnd::kUnreachable);
  }
}

TEST(Dialogue, ToleratesSplitRepliesBareLinefeedsAndEightBits) {
  Session session({0});
  session.Start();
  Dialogue& dialogue = session.dialogue();
  for (const char c : std::string("220-mx.example.com h\xe9\n220 x\n")) {
    dialogue.OnBytes(0, absl::string_view(&c, 1));
  }
  EXPECT_EQ(dialogue.TakeBytesToSend(), "EHLO tester.example\r\n");
  EXPECT_TRUE(absl::StrContains(dialogue.transcript(), "h\\xe9"));
}

TEST(Dialogue, AnEndlessServerIsLeft) {
  Session session;
  session.Start();
  int lines = 0;
  while (!session.dialogue().is_finished() && lines < 100'000) {
    session.dialogue().OnBytes(0, "220-welcome\r\n");
    ++lines;
  }
  EXPECT_EQ(lines, kMaxReplyLines + 1);
  EXPECT_LT(session.dialogue().transcript().size(), 100'000u);
}

TEST(Dialogue, RepliesAfterQuitChangeNothing) {
  Session session({0});
  session.Run("220 mx.example.com\r\n", [](const std::string& command) {
    if (command == "QUIT")
      return std::string("250 taken\r\n221 bye\r\n250 x\r\n");
    return Refuse(command);
  });
  EXPECT_EQ(session.dialogue().end(), SessionEnd::kDone);
  const Pairs before = session.dialogue().outcomes();
  session.dialogue().OnBytes(session.now_ms, "250 taken\r\n");
  session.dialogue().OnClosed(session.now_ms, "closed");
  EXPECT_EQ(session.dialogue().outcomes(), before);
}

}  // namespace
}  // namespace rbld
