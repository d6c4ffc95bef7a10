// Fuzzes the catcher's side of a connection: the input is what a client sends,
// in pieces that end at each byte 0. A piece of a byte 1 alone is a long
// silence, a byte 2 the end of the session's time. rbld's answers alternate.
// The word says whether a message was taken.
#include <optional>
#include <string>

#include "absl/strings/str_split.h"
#include "base/fuzz/fuzz_target.h"
#include "relay/catcher_session.h"
#include "store/relay/token.h"

namespace rbld {

std::string FuzzOne(absl::string_view input) {
  static const CatcherSettings settings = [] {
    CatcherSettings made;
    made.host_name = "catcher.d.example";
    made.domain = "d.example";
    return made;
  }();
  CatcherSession session(settings);
  int checked = 0;
  int stored = 0;
  int valid = 0;
  for (const absl::string_view piece : absl::StrSplit(input, '\0')) {
    if (piece == "\1") {
      session.OnIdle();
    } else if (piece == "\2") {
      session.OnTimeUp();
    } else {
      session.OnBytes(piece);
    }
    while (true) {
      if (const std::optional<std::string> token = session.TakeTokenToCheck()) {
        FuzzCheck(ReadToken(*token).has_value());
        // One says yes, the next one no in one of its ways, the third that it
        // is away.
        constexpr TokenState kNo[] = {TokenState::kForged, TokenState::kExpired,
                                      TokenState::kReplayed};
        ++checked;
        if (checked % 3 == 0) {
          session.OnTokenChecked(std::nullopt);
        } else if (checked % 3 == 1) {
          ++valid;
          session.OnTokenChecked(TokenState::kValid);
        } else {
          session.OnTokenChecked(kNo[checked / 3 % 3]);
        }
        continue;
      }
      const std::optional<CatcherSession::Message> message =
          session.TakeMessage();
      if (!message.has_value()) break;
      FuzzCheck(ReadToken(message->token).has_value());
      FuzzCheck(message->text.size() <= kMaxKeptBytes);
      ++stored;
      session.OnMessageStored(stored % 2 == 0 ? CatcherSession::TokenAnswer()
                                              : TokenState::kValid);
    }
    const std::string sent = session.TakeBytesToSend();
    FuzzCheck(sent.empty() || sent.back() == '\n');
    if (session.is_finished()) break;
  }
  // One message for each recipient that was let through, at most.
  FuzzCheck(stored <= valid);
  return stored != 0 ? "taken" : "none";
}

}  // namespace rbld
