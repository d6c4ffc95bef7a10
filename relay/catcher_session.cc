#include "relay/catcher_session.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "store/relay/token.h"

namespace rbld {
namespace {

// So many wrong commands or recipients, and it is over. Who tests whether we
// are an open relay asks for some 16.
constexpr int kMaxMistakes = 20;
// What may wait while rbld is asked.
constexpr size_t kMaxInputBytes = size_t{1} << 16;

// Takes "FROM:" or "TO:" from the front, in any case.
bool ConsumeKeyword(absl::string_view keyword, absl::string_view* text) {
  if (!absl::StartsWithIgnoreCase(*text, keyword)) return false;
  text->remove_prefix(keyword.size());
  *text = absl::StripLeadingAsciiWhitespace(*text);
  return true;
}

// The size that MAIL announces (RFC 1870 §6); 0 if it does not.
uint64_t AnnouncedBytes(absl::string_view arguments) {
  for (const absl::string_view word : absl::StrSplit(arguments, ' ')) {
    uint64_t bytes = 0;
    if (absl::StartsWithIgnoreCase(word, "SIZE=") &&
        absl::SimpleAtoi(word.substr(5), &bytes)) {
      return bytes;
    }
  }
  return 0;
}

}  // namespace

std::optional<absl::string_view> MailboxOf(absl::string_view path) {
  if (path.empty() || path.front() != '<') return std::nullopt;
  const size_t end = path.rfind('>');
  if (end == absl::string_view::npos) return std::nullopt;
  path = path.substr(1, end - 1);
  if (!path.empty() && path.front() == '@') {
    // RFC 5321 §4.1.1.3: the route is ignored.
    const size_t colon = path.find(':');
    if (colon == absl::string_view::npos) return std::nullopt;
    path.remove_prefix(colon + 1);
  }
  return path;
}

CatcherSession::CatcherSession(const CatcherSettings& settings)
    : settings_(settings) {
  Reply(absl::StrCat("220 ", settings_.host_name,
                     " ESMTP for messages of open relay tests only"));
}

void CatcherSession::Reply(absl::string_view reply) {
  absl::StrAppend(&to_send_, reply, "\r\n");
}

void CatcherSession::Mistake(absl::string_view reply) {
  if (++mistakes_ < kMaxMistakes) {
    Reply(reply);
    return;
  }
  Reply(absl::StrCat("421 ", settings_.host_name, " too many mistakes"));
  state_ = State::kFinished;
}

void CatcherSession::ResetMail() {
  has_sender_ = false;
  token_.clear();
  text_.clear();
  message_bytes_ = 0;
  at_line_start_ = true;
}

void CatcherSession::OnIdle() {
  if (state_ == State::kFinished) return;
  Reply(absl::StrCat("421 ", settings_.host_name, " idle for too long"));
  state_ = State::kFinished;
}

void CatcherSession::OnTimeUp() {
  if (state_ == State::kFinished) return;
  Reply(absl::StrCat("421 ", settings_.host_name, " this has lasted too long"));
  state_ = State::kFinished;
}

void CatcherSession::OnBytes(absl::string_view bytes) {
  if (state_ == State::kFinished) return;
  input_.append(bytes.data(), bytes.size());
  Process();
  if (state_ != State::kFinished && state_ != State::kData &&
      input_.size() > kMaxInputBytes) {
    Reply(absl::StrCat("421 ", settings_.host_name, " too much at once"));
    state_ = State::kFinished;
  }
}

void CatcherSession::Process() {
  size_t taken = 0;
  while (state_ == State::kCommand || state_ == State::kData) {
    if (state_ == State::kData) {
      input_.erase(0, std::exchange(taken, 0));
      if (!TakeData()) return;
      continue;
    }
    const size_t end = input_.find('\n', taken);
    const size_t length = std::min(end, input_.size()) - taken;
    if (length > kMaxCommandBytes) {
      Reply(absl::StrCat("500 ", "the line is too long"));
      state_ = State::kFinished;
      return;
    }
    if (end == std::string::npos) break;
    const std::string line = input_.substr(taken, length);
    taken = end + 1;
    OnCommand(absl::StripTrailingAsciiWhitespace(line));
  }
  input_.erase(0, taken);
}

// ---- commands ----

void CatcherSession::OnCommand(absl::string_view line) {
  const size_t space = line.find(' ');
  const std::string verb = absl::AsciiStrToUpper(line.substr(0, space));
  const absl::string_view arguments =
      space == absl::string_view::npos
          ? absl::string_view()
          : absl::StripLeadingAsciiWhitespace(line.substr(space));
  if (verb == "EHLO" || verb == "HELO") {
    if (arguments.empty()) return Mistake("501 say who you are");
    ResetMail();
    greeted_ = true;
    if (verb == "HELO") return Reply(absl::StrCat("250 ", settings_.host_name));
    Reply(absl::StrCat("250-", settings_.host_name));
    Reply(absl::StrCat("250-SIZE ", kMaxCaughtBytes));
    return Reply("250 8BITMIME");
  }
  if (verb == "MAIL") return OnMail(arguments);
  if (verb == "RCPT") return OnRcpt(arguments);
  if (verb == "DATA") return OnDataCommand();
  if (verb == "RSET") {
    ResetMail();
    return Reply("250 forgotten");
  }
  if (verb == "NOOP") return Reply("250 nothing done");
  if (verb == "QUIT") {
    Reply(absl::StrCat("221 ", settings_.host_name, " closes"));
    state_ = State::kFinished;
    return;
  }
  if (verb == "VRFY") return Mistake("252 try RCPT");
  Mistake("502 not known here");
}

void CatcherSession::OnMail(absl::string_view arguments) {
  if (!greeted_) return Mistake("503 EHLO first");
  if (has_sender_) return Mistake("503 there is a sender already");
  if (!ConsumeKeyword("FROM:", &arguments) ||
      !MailboxOf(arguments).has_value()) {
    return Mistake("501 MAIL FROM:<address>");
  }
  if (AnnouncedBytes(arguments) > kMaxCaughtBytes) {
    return Mistake("552 that is too much for a test message");
  }
  has_sender_ = true;
  Reply("250 go on");
}

void CatcherSession::OnRcpt(absl::string_view arguments) {
  if (!has_sender_) return Mistake("503 MAIL first");
  if (!token_.empty()) return Reply("452 one recipient at a time");
  if (!ConsumeKeyword("TO:", &arguments))
    return Mistake("501 RCPT TO:<address>");
  const std::optional<absl::string_view> mailbox = MailboxOf(arguments);
  if (!mailbox.has_value()) return Mistake("501 RCPT TO:<address>");
  const size_t at = mailbox->rfind('@');
  if (at == absl::string_view::npos ||
      !absl::EqualsIgnoreCase(mailbox->substr(at + 1), settings_.domain)) {
    return Mistake("550 5.7.1 no mail is passed on from here");
  }
  absl::string_view local = mailbox->substr(0, at);
  if (local.size() > 2 && local.front() == '"' && local.back() == '"') {
    local = local.substr(1, local.size() - 2);
  }
  if (!ReadToken(local).has_value()) {
    return Mistake(
        "550 5.1.1 nobody of this name; only test messages are taken");
  }
  token_ = absl::AsciiStrToLower(local);
  token_to_check_ = token_;
  state_ = State::kCheck;
}

void CatcherSession::OnTokenChecked(TokenAnswer answer) {
  if (state_ != State::kCheck) return;
  state_ = State::kCommand;
  if (answer == TokenState::kValid) {
    Reply("250 go on");
  } else {
    token_.clear();
    if (!answer.has_value()) {
      Reply("451 4.3.0 this cannot be looked up now; try again later");
    } else if (*answer == TokenState::kReplayed) {
      Mistake("550 5.1.1 this message has come already");
    } else if (*answer == TokenState::kExpired) {
      Mistake("550 5.1.1 this test is over");
    } else {
      Mistake("550 5.1.1 no such test");
    }
  }
  Process();
}

void CatcherSession::OnDataCommand() {
  if (token_.empty()) return Mistake("503 RCPT first");
  Reply("354 end with a dot on a line of its own");
  state_ = State::kData;
}

// ---- the message ----

void CatcherSession::Keep(absl::string_view bytes) {
  message_bytes_ += bytes.size();
  const size_t room = kMaxKeptBytes - text_.size();
  text_.append(bytes.data(), std::min(room, bytes.size()));
}

bool CatcherSession::TakeData() {
  size_t at = 0;
  while (at < input_.size()) {
    // RFC 5321 §4.5.2: a dot that begins a line is taken away, or ends it all.
    // Only CRLF ends a line.
    if (at_line_start_ && input_[at] == '.') {
      if (input_.size() - at < 3) break;
      if (input_[at + 1] == '\r' && input_[at + 2] == '\n') {
        input_.erase(0, at + 3);
        EndOfMessage();
        return true;
      }
      ++at;
    }
    const size_t end = input_.find("\r\n", at);
    if (end == std::string::npos) {
      // A CR at the end may be half of a line's end.
      const size_t length =
          input_.size() - at - (input_.back() == '\r' ? 1 : 0);
      if (length != 0) at_line_start_ = false;
      Keep(absl::string_view(input_).substr(at, length));
      at += length;
      break;
    }
    Keep(absl::string_view(input_).substr(at, end + 2 - at));
    at = end + 2;
    at_line_start_ = true;
  }
  input_.erase(0, at);
  return false;
}

void CatcherSession::EndOfMessage() {
  if (message_bytes_ > kMaxCaughtBytes) {
    ResetMail();
    state_ = State::kCommand;
    return Mistake("552 that is too much for a test message");
  }
  message_to_store_ = Message{token_, std::move(text_)};
  ResetMail();
  state_ = State::kStore;
}

void CatcherSession::OnMessageStored(TokenAnswer answer) {
  if (state_ != State::kStore) return;
  state_ = State::kCommand;
  if (answer == TokenState::kValid) {
    Reply("250 taken");
  } else if (!answer.has_value()) {
    Reply("451 4.3.0 this cannot be kept now; try again later");
  } else {
    Mistake("550 5.1.1 this message has come already, or its test is over");
  }
  Process();
}

}  // namespace rbld
