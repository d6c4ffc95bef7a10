// Fuzzes a relay test's dialogue: the input is what a server sends and does, a
// step a line: the first character says which, the rest is what it sends, with
// \r, \n and \\ for themselves. The word is how the session ended.
//
//   <  bytes, in one piece      -  closes       t  the timer runs out
//   s  TLS is up                p  the token came back
//
// An input that begins with ! is a server that cannot be reached.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/fuzz/fuzz_target.h"
#include "relay/dialogue.h"

namespace rbld {
namespace {

std::string Unescape(absl::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      bytes.push_back(text[i]);
      continue;
    }
    ++i;
    bytes.push_back(text[i] == 'r' ? '\r' : text[i] == 'n' ? '\n' : text[i]);
  }
  return bytes;
}

// What a client may say, whatever the server said.
void CheckSent(absl::string_view sent, bool* message_allowed) {
  if (sent.empty()) return;
  FuzzCheck(absl::EndsWith(sent, "\r\n"));
  if (absl::EndsWith(sent, "\r\n.\r\n")) {
    FuzzCheck(*message_allowed);
    *message_allowed = false;
    return;
  }
  // One command, nothing pipelined, nothing of the server's inside.
  FuzzCheck(sent.find('\n') == sent.size() - 1);
  FuzzCheck(sent.size() <= 512);
  *message_allowed = sent == "DATA\r\n";
  bool is_known = false;
  for (const char* verb : {"EHLO ", "HELO ", "MAIL FROM:", "RCPT TO:", "DATA\r",
                           "RSET\r", "QUIT\r", "STARTTLS\r"}) {
    is_known |= absl::StartsWith(sent, verb);
  }
  FuzzCheck(is_known);
}

}  // namespace

std::string FuzzOne(absl::string_view input) {
  static const DialogueSettings settings = [] {
    DialogueSettings made;
    made.domain = "d.example";
    made.ehlo_name = "tester.example";
    made.url = "https://d.example/";
    made.contact = "people@d.example";
    return made;
  }();
  DialogueWork work;
  work.address = "192.0.2.7";
  work.date = "Tue, 24 Nov 2026 12:00:00 +0000";
  work.max_messages = 2;
  for (const FormId form : {0, 1, 5, 8}) {
    work.probes.push_back({form, "tttt", "ssss"});
  }
  int64_t now_ms = 0;
  Dialogue dialogue(settings, work, now_ms);
  if (absl::StartsWith(input, "!")) {
    dialogue.OnConnectFailed(now_ms, input);
    FuzzCheck(dialogue.is_finished() && dialogue.TakeBytesToSend().empty());
    return SessionEndName(dialogue.end());
  }
  dialogue.OnConnected(now_ms);
  bool message_allowed = false;
  int messages = 0;
  for (const absl::string_view step : absl::StrSplit(input, '\n')) {
    if (dialogue.is_finished() || step.empty()) break;
    now_ms += 7;
    const absl::string_view rest = step.substr(1);
    switch (step.front()) {
      case '<':
        dialogue.OnBytes(now_ms, Unescape(rest));
        break;
      case '-':
        dialogue.OnClosed(now_ms, "closed");
        break;
      case 't':
        FuzzCheck(dialogue.timer_at_ms() > 0);
        now_ms = std::max(now_ms, dialogue.timer_at_ms());
        dialogue.OnTimer(now_ms);
        break;
      case 's':
        dialogue.OnTlsStarted(now_ms);
        break;
      case 'p':
        dialogue.OnProven(now_ms);
        break;
      default:
        return "bad";
    }
    const std::string sent = dialogue.TakeBytesToSend();
    messages += absl::EndsWith(sent, "\r\n.\r\n");
    CheckSent(sent, &message_allowed);
    dialogue.TakeStartTls();
  }
  // Whatever the server does, it ends in time.
  for (int i = 0; i < 100 && !dialogue.is_finished(); ++i) {
    now_ms = std::max(now_ms, dialogue.timer_at_ms());
    dialogue.OnTimer(now_ms);
    const std::string sent = dialogue.TakeBytesToSend();
    messages += absl::EndsWith(sent, "\r\n.\r\n");
    CheckSent(sent, &message_allowed);
  }
  FuzzCheck(dialogue.is_finished());
  FuzzCheck(now_ms <= settings.session_seconds * 1000 + 100'000);
  FuzzCheck(messages <= work.max_messages + 2);
  FuzzCheck(dialogue.outcomes().size() <= work.probes.size());
  int accepted = 0;
  for (const auto& [form, outcome] : dialogue.outcomes()) {
    accepted += outcome == FormOutcome::kAccepted;
  }
  FuzzCheck(accepted <= messages && accepted <= work.max_messages);
  return SessionEndName(dialogue.end());
}

}  // namespace rbld
