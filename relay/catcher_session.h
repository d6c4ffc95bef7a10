// CatcherSession: one connection to the catcher, the SMTP receiver for test
// messages that come back, as a state machine without sockets.
//
// It takes mail for a live token at our domain and for nobody else, so that it
// is no relay; it refuses at RCPT and bounces nothing, so that it is no source
// of backscatter. A message counts as taken only once it is durable: when
// nobody can say that, it answers 451, and the server that delivers tries
// again. A message ends at CRLF.CRLF and nowhere else (SMTP smuggling).
//
// Used by one thread.
#ifndef RBLD_RELAY_CATCHER_SESSION_H_
#define RBLD_RELAY_CATCHER_SESSION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "store/relay/cases.h"

namespace rbld {

struct CatcherSettings {
  std::string host_name;  // for the greeting
  std::string domain;     // of tokens
  int idle_seconds = 300;
  int session_seconds = 3600;
};

// RFC 5321 §4.5.3.1.4 allows 512.
inline constexpr size_t kMaxCommandBytes = 2048;
inline constexpr size_t kMaxCaughtBytes = size_t{1} << 20;
// Of a message, as evidence.
inline constexpr size_t kMaxKeptBytes = size_t{1} << 15;

class CatcherSession {
 public:
  // What rbld says of a token; nothing: it does not answer.
  using TokenAnswer = std::optional<TokenState>;

  // `settings` outlives it.
  explicit CatcherSession(const CatcherSettings& settings);

  void OnBytes(absl::string_view bytes);
  void OnTokenChecked(TokenAnswer answer);   // after TakeTokenToCheck
  void OnMessageStored(TokenAnswer answer);  // after TakeMessage
  void OnIdle();                             // idle_seconds have passed
  void OnTimeUp();                           // session_seconds have passed

  std::string TakeBytesToSend() { return std::exchange(to_send_, ""); }
  // A recipient's token that rbld must be asked about.
  std::optional<std::string> TakeTokenToCheck() {
    return std::exchange(token_to_check_, std::nullopt);
  }
  struct Message {
    std::string token;
    std::string text;  // as received, dots unstuffed; its first kMaxKeptBytes
  };
  std::optional<Message> TakeMessage() {
    return std::exchange(message_to_store_, std::nullopt);
  }
  // Close the connection when all bytes are sent.
  bool is_finished() const { return state_ == State::kFinished; }

 private:
  enum class State {
    kCommand,
    kCheck,  // rbld is asked about a token
    kData,
    kStore,  // rbld is given the message
    kFinished,
  };

  void Process();
  void OnCommand(absl::string_view line);
  void OnMail(absl::string_view arguments);
  void OnRcpt(absl::string_view arguments);
  void OnDataCommand();
  // Takes message bytes from the front of input_; false if it needs more.
  bool TakeData();
  void Keep(absl::string_view bytes);
  void EndOfMessage();
  void Reply(absl::string_view reply);
  void Mistake(absl::string_view reply);
  void ResetMail();

  const CatcherSettings& settings_;
  State state_ = State::kCommand;
  std::string input_;
  std::string to_send_;
  bool greeted_ = false;  // HELO or EHLO came
  bool has_sender_ = false;
  std::string token_;  // accepted by RCPT
  std::optional<std::string> token_to_check_;
  std::optional<Message> message_to_store_;
  std::string text_;
  size_t message_bytes_ = 0;
  bool at_line_start_ = true;
  int mistakes_ = 0;
};

// The address of a path's mailbox, "<@a,@b:local@domain>" without its route and
// brackets; nullopt if it is none.
std::optional<absl::string_view> MailboxOf(absl::string_view path);

}  // namespace rbld

#endif  // RBLD_RELAY_CATCHER_SESSION_H_
