// Dialogue: one SMTP session that tests a mail server for open relaying, as a
// state machine without sockets: bytes and events go in; bytes, a timer and
// wishes come out.
//
// One RCPT a MAIL, DATA only after RCPT was accepted, nothing pipelined, no
// AUTH, VRFY or EXPN, STARTTLS only if MAIL is refused with 530, QUIT at the
// end. A message that gets no answer counts as accepted: a server that takes
// messages and says nothing is sent no more of them than another. It never
// decides that a server is a relay: a token that comes back does.
//
// Used by one thread. Times are milliseconds of a clock that never goes back.
#ifndef RBLD_RELAY_DIALOGUE_H_
#define RBLD_RELAY_DIALOGUE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "relay/reply_reader.h"
#include "store/relay/case.h"
#include "store/relay/form.h"

namespace rbld {

// Who we are, and how patient.
struct DialogueSettings {
  std::string domain;     // of tokens, where the catcher receives
  std::string ehlo_name;  // of the host that connects
  std::string url;        // explains the test; in EHLO's reply, From and body
  std::string contact;    // a mail address of people
  // RFC 5321 §4.5.3.2.
  int greeting_seconds = 300;
  int command_seconds = 300;
  int data_seconds = 120;
  int message_seconds = 600;
  int quit_seconds = 15;
  int session_seconds = 1200;  // of everything
  // After a message was taken: how long its token is waited for before the
  // next form is asked.
  int proof_seconds = 15;
};

// What a session is to ask.
struct DialogueWork {
  struct Probe {
    FormId form = 0;
    std::string token;
    std::string sender_token;
  };
  std::string address;  // "192.0.2.7", of the target
  bool is_ipv6 = false;
  std::string reverse_name;  // "" if it has none
  std::vector<Probe> probes;
  int max_messages = 0;
  std::string date;  // "Tue, 24 Nov 2026 12:00:00 +0000" (RFC 5322 §3.3)
};

class Dialogue {
 public:
  // `settings` outlives it.
  Dialogue(const DialogueSettings& settings, DialogueWork work, int64_t now_ms);

  // ---- what happens; after each, look at the wishes below ----
  void OnConnected(int64_t now_ms);
  void OnConnectFailed(int64_t now_ms, absl::string_view why);
  void OnBytes(int64_t now_ms, absl::string_view bytes);
  void OnClosed(int64_t now_ms, absl::string_view why);
  void OnTlsStarted(int64_t now_ms);
  void OnTimer(int64_t now_ms);   // timer_at_ms has passed
  void OnProven(int64_t now_ms);  // a token of this test came back

  // ---- what it wishes ----
  std::string TakeBytesToSend() { return std::exchange(to_send_, ""); }
  // Once: start TLS, then OnTlsStarted, or OnClosed.
  bool TakeStartTls() { return std::exchange(wants_tls_, false); }
  // It is over; close the connection when all bytes are sent.
  bool is_finished() const { return state_ == State::kFinished; }
  // A message was taken whose token may come any moment.
  bool awaits_proof() const { return state_ == State::kPause; }
  int64_t timer_at_ms() const { return timer_at_ms_; }

  // ---- what came of it; when it is finished ----
  SessionEnd end() const { return end_; }
  const std::vector<std::pair<FormId, FormOutcome>>& outcomes() const {
    return outcomes_;
  }
  // Both sides, a line each, with the time since the start.
  const std::string& transcript() const { return transcript_; }

 private:
  enum class State {
    kConnect,
    kGreeting,
    kEhlo,
    kHelo,
    kStartTls,
    kTlsHandshake,
    kMail,
    kRcpt,
    kData,
    kMessage,
    kPause,
    kReset,
    kQuit,
    kFinished,
  };

  void OnReply(const SmtpReply& reply);
  void OnGreeting(const SmtpReply& reply);
  void OnEhlo(const SmtpReply& reply);
  void OnMail(const SmtpReply& reply);
  void OnRcpt(const SmtpReply& reply);
  void OnData(const SmtpReply& reply);
  void OnMessage(const SmtpReply& reply);

  void Command(State state, const std::string& line, int seconds);
  void BeginForm();
  // Notes what came of the present form, and goes on to the next.
  void EndForm(FormOutcome outcome, bool needs_reset);
  void Quit(SessionEnd end);
  void Finish(SessionEnd end);
  void Cut(absl::string_view why);
  // A message that left and got no answer may have been taken.
  void NoteUnanswered();
  void SetTimer(int seconds);
  void Note(absl::string_view mark, absl::string_view text);
  // Of a reply that the state has no use for.
  void Unexpected(const SmtpReply& reply);
  MailNames Names() const;
  std::string Message() const;

  const DialogueSettings& settings_;
  const DialogueWork work_;
  const int64_t started_ms_;
  int64_t now_ms_;
  int64_t timer_at_ms_ = 0;

  State state_ = State::kConnect;
  ReplyReader reader_;
  size_t received_bytes_ = 0;
  std::string host_;  // {H}
  bool offers_tls_ = false;
  bool has_tls_ = false;
  size_t at_ = 0;  // of work_.probes
  int messages_ = 0;

  std::string to_send_;
  bool wants_tls_ = false;
  bool greeted_ = false;
  SessionEnd end_ = SessionEnd::kCut;
  std::vector<std::pair<FormId, FormOutcome>> outcomes_;
  std::string transcript_;
};

}  // namespace rbld

#endif  // RBLD_RELAY_DIALOGUE_H_
