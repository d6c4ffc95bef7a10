#include "relay/dialogue.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace rbld {
namespace {

// All that a server may send in a session.
constexpr size_t kMaxReceivedBytes = size_t{1} << 18;
constexpr size_t kMaxTranscriptBytes = size_t{1} << 16;
constexpr size_t kMaxHostBytes = 253;

// A domain name as it may stand in a path; nothing that a server says of
// itself goes into a command without this.
bool IsHostName(absl::string_view text) {
  if (text.empty() || text.size() > kMaxHostBytes ||
      !absl::StrContains(text, '.') || text.front() == '.' ||
      text.back() == '.') {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
  });
}

// The first word of a greeting or of EHLO's reply is the server's name
// (RFC 5321 §4.2).
absl::string_view FirstWord(absl::string_view text) {
  return text.substr(0, text.find_first_of(" \n"));
}

}  // namespace

Dialogue::Dialogue(const DialogueSettings& settings, DialogueWork work,
                   int64_t now_ms)
    : settings_(settings),
      work_(std::move(work)),
      started_ms_(now_ms),
      now_ms_(now_ms) {
  SetTimer(settings_.greeting_seconds);
}

void Dialogue::SetTimer(int seconds) {
  timer_at_ms_ =
      std::min(now_ms_ + seconds * int64_t{1000},
               started_ms_ + settings_.session_seconds * int64_t{1000});
}

void Dialogue::Note(absl::string_view mark, absl::string_view text) {
  if (transcript_.size() >= kMaxTranscriptBytes) return;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppendFormat(&transcript_, "%9.3f %s ",
                          static_cast<double>(now_ms_ - started_ms_) / 1000,
                          std::string(mark));
    absl::StrAppend(&transcript_, line, "\n");
  }
  if (transcript_.size() >= kMaxTranscriptBytes) {
    absl::StrAppend(&transcript_, "          … cut here\n");
  }
}

void Dialogue::Finish(SessionEnd end) {
  end_ = greeted_ ? end : SessionEnd::kUnreachable;
  state_ = State::kFinished;
  timer_at_ms_ = 0;
}

void Dialogue::Cut(absl::string_view why) {
  Note("*", why);
  NoteUnanswered();
  Finish(SessionEnd::kCut);
}

void Dialogue::NoteUnanswered() {
  if (state_ != State::kMessage) return;
  Note("*", "the message may have been taken, and counts as if it was");
  ++messages_;
  outcomes_.emplace_back(work_.probes[at_++].form, FormOutcome::kAccepted);
}

void Dialogue::Quit(SessionEnd end) {
  end_ = end;
  Command(State::kQuit, "QUIT", settings_.quit_seconds);
}

void Dialogue::Command(State state, const std::string& line, int seconds) {
  state_ = state;
  Note(">", line);
  absl::StrAppend(&to_send_, line, "\r\n");
  SetTimer(seconds);
}

// ---- events ----

void Dialogue::OnConnected(int64_t now_ms) {
  if (state_ != State::kConnect) return;
  now_ms_ = now_ms;
  Note("*", "connected");
  state_ = State::kGreeting;
  SetTimer(settings_.greeting_seconds);
}

void Dialogue::OnConnectFailed(int64_t now_ms, absl::string_view why) {
  if (state_ != State::kConnect) return;
  now_ms_ = now_ms;
  Note("*", absl::StrCat("no connection: ", why));
  Finish(SessionEnd::kUnreachable);
}

void Dialogue::OnClosed(int64_t now_ms, absl::string_view why) {
  if (state_ == State::kFinished) return;
  now_ms_ = now_ms;
  Note("*", absl::StrCat("the connection ended: ", why));
  NoteUnanswered();
  Finish(state_ == State::kQuit ? end_ : SessionEnd::kCut);
}

void Dialogue::OnTimer(int64_t now_ms) {
  if (state_ == State::kFinished || now_ms < timer_at_ms_) return;
  now_ms_ = now_ms;
  if (state_ == State::kQuit) {
    Finish(end_);
    return;
  }
  const bool session_over =
      now_ms - started_ms_ >= settings_.session_seconds * int64_t{1000};
  if (state_ == State::kPause && !session_over) {
    BeginForm();
    return;
  }
  const char* const why =
      session_over ? "the session's time is over" : "no reply in time";
  if (state_ != State::kPause) return Cut(why);
  // Between commands the server hears a QUIT; within one it would not.
  Note("*", why);
  Quit(SessionEnd::kCut);
}

void Dialogue::OnProven(int64_t now_ms) {
  if (state_ != State::kPause) return;
  now_ms_ = now_ms;
  Note("*", "the message came back");
  Quit(SessionEnd::kDone);
}

void Dialogue::OnTlsStarted(int64_t now_ms) {
  if (state_ != State::kTlsHandshake) return;
  now_ms_ = now_ms;
  Note("*", "TLS started");
  has_tls_ = true;
  Command(State::kEhlo, absl::StrCat("EHLO ", settings_.ehlo_name),
          settings_.command_seconds);
}

void Dialogue::OnBytes(int64_t now_ms, absl::string_view bytes) {
  if (state_ == State::kFinished || state_ == State::kConnect) return;
  now_ms_ = now_ms;
  received_bytes_ += bytes.size();
  if (received_bytes_ > kMaxReceivedBytes) {
    return Cut("the server sends too much");
  }
  if (state_ == State::kPause || state_ == State::kTlsHandshake) {
    return Cut("the server speaks out of turn");
  }
  SmtpReply reply;
  switch (reader_.Read(&bytes, &reply)) {
    case ReplyReader::Result::kNeedMore:
      return;
    case ReplyReader::Result::kBroken:
      return Cut("what the server sends is not SMTP");
    case ReplyReader::Result::kReply:
      break;
  }
  Note("<", absl::StrCat(reply.code, " ", reply.text));
  if (!bytes.empty() && state_ != State::kQuit) {
    // An answer to what has not been asked: whatever it says would be taken for
    // the answer to the next command.
    return Cut("the server answers before it is asked");
  }
  OnReply(reply);
}

// ---- replies ----

void Dialogue::OnReply(const SmtpReply& reply) {
  if (reply.code == 421 && state_ != State::kQuit) {
    // §3.8: the server closes, and has taken nothing.
    Note("*", "the server gives up");
    Finish(SessionEnd::kCut);
    return;
  }
  switch (state_) {
    case State::kGreeting:
      return OnGreeting(reply);
    case State::kEhlo:
    case State::kHelo:
      return OnEhlo(reply);
    case State::kStartTls:
      if (reply.kind() != 2) {
        return EndForm(FormOutcome::kRefused, /*needs_reset=*/false);
      }
      wants_tls_ = true;
      state_ = State::kTlsHandshake;
      SetTimer(settings_.command_seconds);
      return;
    case State::kMail:
      return OnMail(reply);
    case State::kRcpt:
      return OnRcpt(reply);
    case State::kData:
      return OnData(reply);
    case State::kMessage:
      return OnMessage(reply);
    case State::kReset:
      // A server that does not know RSET has no transaction to end.
      return BeginForm();
    case State::kQuit:
      return Finish(end_);
    case State::kConnect:
    case State::kTlsHandshake:
    case State::kPause:
    case State::kFinished:
      return;
  }
}

void Dialogue::Unexpected(const SmtpReply& reply) {
  Note("*", absl::StrCat("no use for ", reply.code, " here"));
  NoteUnanswered();
  Quit(SessionEnd::kCut);
}

void Dialogue::OnGreeting(const SmtpReply& reply) {
  if (reply.kind() != 2) {
    // §3.1: whoever answers 554 waits for a QUIT.
    Quit(SessionEnd::kUnreachable);
    return;
  }
  greeted_ = true;
  const absl::string_view name = FirstWord(reply.text);
  if (IsHostName(name)) host_ = std::string(name);
  Command(State::kEhlo, absl::StrCat("EHLO ", settings_.ehlo_name),
          settings_.command_seconds);
}

void Dialogue::OnEhlo(const SmtpReply& reply) {
  if (reply.kind() == 5 && state_ == State::kEhlo) {
    Command(State::kHelo, absl::StrCat("HELO ", settings_.ehlo_name),
            settings_.command_seconds);
    return;
  }
  if (reply.kind() != 2) return Unexpected(reply);
  const absl::string_view name = FirstWord(reply.text);
  if (host_.empty() && IsHostName(name)) host_ = std::string(name);
  if (host_.empty() && IsHostName(work_.reverse_name)) {
    host_ = work_.reverse_name;
  }
  if (host_.empty()) host_ = Names().literal;
  for (const absl::string_view line : absl::StrSplit(reply.text, '\n')) {
    offers_tls_ |= absl::EqualsIgnoreCase(FirstWord(line), "STARTTLS");
  }
  BeginForm();
}

void Dialogue::OnMail(const SmtpReply& reply) {
  if (reply.kind() == 2) {
    const Form& form = Forms()[work_.probes[at_].form];
    Command(State::kRcpt,
            absl::StrCat("RCPT TO:", FillForm(form.recipient, Names())),
            settings_.command_seconds);
  } else if (reply.code == 530 && offers_tls_ && !has_tls_) {
    Command(State::kStartTls, "STARTTLS", settings_.command_seconds);
  } else if (reply.kind() == 4 || reply.kind() == 5) {
    EndForm(reply.kind() == 4 ? FormOutcome::kDeferred : FormOutcome::kRefused,
            /*needs_reset=*/false);
  } else {
    Unexpected(reply);
  }
}

void Dialogue::OnRcpt(const SmtpReply& reply) {
  if (reply.kind() == 2) {
    Command(State::kData, "DATA", settings_.data_seconds);
  } else if (reply.kind() == 4 || reply.kind() == 5) {
    EndForm(reply.kind() == 4 ? FormOutcome::kDeferred : FormOutcome::kRefused,
            /*needs_reset=*/true);
  } else {
    Unexpected(reply);
  }
}

void Dialogue::OnData(const SmtpReply& reply) {
  if (reply.kind() == 3) {
    state_ = State::kMessage;
    Note(">", "(the test message)");
    absl::StrAppend(&to_send_, Message(), ".\r\n");
    SetTimer(settings_.message_seconds);
  } else if (reply.kind() == 4 || reply.kind() == 5) {
    EndForm(reply.kind() == 4 ? FormOutcome::kDeferred : FormOutcome::kRefused,
            /*needs_reset=*/true);
  } else {
    Unexpected(reply);
  }
}

void Dialogue::OnMessage(const SmtpReply& reply) {
  if (reply.kind() == 2) {
    ++messages_;
    EndForm(FormOutcome::kAccepted, /*needs_reset=*/false);
  } else if (reply.kind() == 4 || reply.kind() == 5) {
    EndForm(reply.kind() == 4 ? FormOutcome::kDeferred : FormOutcome::kRefused,
            /*needs_reset=*/false);
  } else {
    Unexpected(reply);
  }
}

// ---- forms ----

void Dialogue::BeginForm() {
  if (at_ == work_.probes.size()) return Quit(SessionEnd::kDone);
  const Form& form = Forms()[work_.probes[at_].form];
  Note("*", absl::StrCat("form ", form.name));
  Command(State::kMail,
          absl::StrCat("MAIL FROM:", FillForm(form.sender, Names())),
          settings_.command_seconds);
}

void Dialogue::EndForm(FormOutcome outcome, bool needs_reset) {
  outcomes_.emplace_back(work_.probes[at_].form, outcome);
  ++at_;
  const bool is_last = at_ == work_.probes.size();
  if (outcome == FormOutcome::kAccepted) {
    if (messages_ >= work_.max_messages || is_last) {
      Quit(SessionEnd::kDone);
      return;
    }
    state_ = State::kPause;
    SetTimer(settings_.proof_seconds);
  } else if (is_last) {
    Quit(SessionEnd::kDone);
  } else if (needs_reset) {
    Command(State::kReset, "RSET", settings_.command_seconds);
  } else {
    BeginForm();
  }
}

MailNames Dialogue::Names() const {
  MailNames names;
  if (at_ < work_.probes.size()) {
    names.token = work_.probes[at_].token;
    names.sender = work_.probes[at_].sender_token;
  }
  names.domain = settings_.domain;
  names.literal =
      absl::StrCat(work_.is_ipv6 ? "[IPv6:" : "[", work_.address, "]");
  names.host = host_;
  return names;
}

std::string Dialogue::Message() const {
  const DialogueWork::Probe& probe = work_.probes[at_];
  const std::string recipient =
      absl::StrCat(probe.token, "@", settings_.domain);
  return absl::StrCat(
      "From: Open relay test\r\n <", probe.sender_token, "@", settings_.domain,
      ">\r\n", "Reply-To: ", settings_.contact, "\r\n", "To: ", recipient,
      "\r\n", "Subject: Open relay test of ", work_.address, "\r\n",
      "Date: ", work_.date, "\r\n", "Message-ID: <", recipient, ">\r\n",
      // RFC 3834 §5: nobody's answering machine need reply.
      "Auto-Submitted: auto-generated\r\n", "Precedence: bulk\r\n",
      "MIME-Version: 1.0\r\n", "Content-Type: text/plain; charset=us-ascii\r\n",
      "\r\n", "This message tests whether the mail server at ", work_.address,
      "\r\npasses mail on from anybody to anybody (an open relay). It was "
      "sent\r\n"
      "because somebody reported that server, or because it is listed. If "
      "it\r\n"
      "arrives, the server is an open relay.\r\n",
      "\r\n", "What this is and how to end it: ", settings_.url, "\r\n",
      "People: ", settings_.contact, "\r\n", "Test: ", probe.token, "\r\n",
      "Form: ", Forms()[probe.form].name, "\r\n");
}

}  // namespace rbld
