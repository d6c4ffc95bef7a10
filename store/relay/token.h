// Token: the signed, expiring mark of one form of one test. It is the local
// part of the message's recipient, or of its sender, and stands in its body; to
// bring it back is the only way to prove a relay.
//
// 32 characters of a-z and 2-7 (RFC 4648 §6, in lower case), so that it
// survives case folding, percent, bang and quoted forms, and fits into a local
// part with a domain behind it (64 octets, RFC 5321 §4.5.3.1.1). They hold 20
// bytes:
//
//   0   6  test     which test, big-endian
//   6   1  use      kind in the upper bit, form in the lower seven
//   7   3  expiry   hours since 1970 UTC, big-endian
//  10  10  MAC      the first 80 bits of HMAC-SHA256 under the store's key of
//                   "rbld relay token 1", the target's address (16 bytes, an
//                   IPv4 one mapped), its port (2, big-endian), and bytes 0-9
//
// So a token tells which test to look up, and only then can it be verified.
// Pure functions, any thread.
#ifndef RBLD_STORE_RELAY_TOKEN_H_
#define RBLD_STORE_RELAY_TOKEN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/relay/form.h"

namespace rbld {

inline constexpr int kTokenCharacters = 32;
inline constexpr int kTokenKeyBytes = 32;
// `"TOKEN@DOMAIN"` is a local part too.
inline constexpr int kMaxTokenDomainBytes = 64 - kTokenCharacters - 3;
inline constexpr uint64_t kMaxTestId = (uint64_t{1} << 48) - 1;

enum class TokenKind : uint8_t {
  kRecipient = 0,  // proves that a message was relayed
  kSender = 1,     // marks a bounce; never proves anything
};

// What was tested.
struct RelayTarget {
  IpPrefix address;  // a single address
  uint16_t port = 25;

  friend bool operator==(const RelayTarget&, const RelayTarget&) = default;
};

struct Token {
  uint64_t test = 0;  // at most kMaxTestId
  TokenKind kind = TokenKind::kRecipient;
  FormId form = 0;
  int64_t expires = 0;  // seconds since 1970 UTC; whole hours

  friend bool operator==(const Token&, const Token&) = default;
};

// `expires` is rounded up to the hour. `key` has kTokenKeyBytes.
std::string SignToken(absl::string_view key, const RelayTarget& target,
                      const Token& token);

// What a token says of itself, in either case; nullopt if it is none. Nothing
// of it is proven yet.
std::optional<Token> ReadToken(absl::string_view text);

// Was `text` made by SignToken for this target? In constant time. It may have
// expired all the same.
bool VerifyToken(absl::string_view key, const RelayTarget& target,
                 absl::string_view text);

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_TOKEN_H_
