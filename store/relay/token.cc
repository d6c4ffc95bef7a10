#include "store/relay/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"

namespace rbld {
namespace {

constexpr int kTokenBytes = 20;
constexpr int kSignedBytes = 10;
constexpr int kMacBytes = kTokenBytes - kSignedBytes;
constexpr int64_t kHour = 3600;
constexpr int64_t kMaxHours = (int64_t{1} << 24) - 1;
constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
constexpr absl::string_view kLabel = "rbld relay token 1";

using TokenBytes = std::array<uint8_t, kTokenBytes>;

void PutBigEndian(uint64_t value, int bytes, uint8_t* out) {
  for (int i = bytes - 1; i >= 0; --i, value >>= 8) {
    out[i] = static_cast<uint8_t>(value);
  }
}

uint64_t GetBigEndian(const uint8_t* in, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | in[i];
  return value;
}

void PutMac(absl::string_view key, const RelayTarget& target,
            TokenBytes* token) {
  std::string message(kLabel);
  AddressBytes address = target.address.bytes;
  if (target.address.family == Family::kIpv4) {
    address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::copy_n(target.address.bytes.begin(), 4, address.begin() + 12);
  }
  message.append(reinterpret_cast<const char*>(address.data()), address.size());
  message.push_back(static_cast<char>(target.port >> 8));
  message.push_back(static_cast<char>(target.port));
  message.append(reinterpret_cast<const char*>(token->data()), kSignedBytes);
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned digest_bytes = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const uint8_t*>(message.data()), message.size(),
       digest.data(), &digest_bytes);
  std::copy_n(digest.begin(), kMacBytes, token->begin() + kSignedBytes);
}

std::string Encode(const TokenBytes& token) {
  std::string text;
  uint32_t bits = 0;
  int bit_count = 0;
  for (const uint8_t byte : token) {
    bits = bits << 8 | byte;
    for (bit_count += 8; bit_count >= 5; bit_count -= 5) {
      text.push_back(kAlphabet[bits >> (bit_count - 5) & 31]);
    }
  }
  return text;
}

bool Decode(absl::string_view text, TokenBytes* token) {
  if (text.size() != kTokenCharacters) return false;
  uint32_t bits = 0;
  int bit_count = 0;
  size_t at = 0;
  for (const char c : text) {
    const char lower = absl::ascii_tolower(c);
    uint32_t digit;
    if (lower >= 'a' && lower <= 'z') {
      digit = lower - 'a';
    } else if (lower >= '2' && lower <= '7') {
      digit = lower - '2' + 26;
    } else {
      return false;
    }
    bits = bits << 5 | digit;
    bit_count += 5;
    if (bit_count >= 8) {
      bit_count -= 8;
      (*token)[at++] = static_cast<uint8_t>(bits >> bit_count);
    }
  }
  return true;
}

}  // namespace

std::string SignToken(absl::string_view key, const RelayTarget& target,
                      const Token& token) {
  TokenBytes bytes;
  PutBigEndian(token.test, 6, &bytes[0]);
  bytes[6] =
      static_cast<uint8_t>(static_cast<int>(token.kind) << 7 | token.form);
  const int64_t hours =
      std::min(kMaxHours, (token.expires + kHour - 1) / kHour);
  PutBigEndian(static_cast<uint64_t>(hours), 3, &bytes[7]);
  PutMac(key, target, &bytes);
  return Encode(bytes);
}

std::optional<Token> ReadToken(absl::string_view text) {
  TokenBytes bytes;
  if (!Decode(text, &bytes)) return std::nullopt;
  Token token;
  token.test = GetBigEndian(&bytes[0], 6);
  token.kind = static_cast<TokenKind>(bytes[6] >> 7);
  token.form = bytes[6] & 0x7f;
  token.expires = static_cast<int64_t>(GetBigEndian(&bytes[7], 3)) * kHour;
  if (token.form >= kFormCount) return std::nullopt;
  return token;
}

bool VerifyToken(absl::string_view key, const RelayTarget& target,
                 absl::string_view text) {
  TokenBytes given;
  if (!Decode(text, &given)) return false;
  TokenBytes made = given;
  PutMac(key, target, &made);
  return CRYPTO_memcmp(made.data(), given.data(), kTokenBytes) == 0;
}

}  // namespace rbld
