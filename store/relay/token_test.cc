#include "store/relay/token.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

const std::string kKey(kTokenKeyBytes, 'k');
constexpr int64_t kExpires = 500'000 * int64_t{3600};

RelayTarget Target(absl::string_view address, uint16_t port = 25) {
  return {*ParseIpPrefix(address), port};
}

Token Some() { return {0x123456789abc, TokenKind::kRecipient, 7, kExpires}; }

TEST(Token, TellsWhatItIs) {
  const std::string text = SignToken(kKey, Target("192.0.2.7"), Some());
  EXPECT_EQ(text.size(), static_cast<size_t>(kTokenCharacters));
  EXPECT_EQ(ReadToken(text), Some());
  EXPECT_TRUE(VerifyToken(kKey, Target("192.0.2.7"), text));
}

TEST(Token, SurvivesUpperCase) {
  const std::string text =
      absl::AsciiStrToUpper(SignToken(kKey, Target("2001:db8::7"), Some()));
  EXPECT_EQ(ReadToken(text), Some());
  EXPECT_TRUE(VerifyToken(kKey, Target("2001:db8::7"), text));
}

TEST(Token, IsOneAnswerForEachField) {
  const std::string text = SignToken(kKey, Target("192.0.2.7"), Some());
  EXPECT_FALSE(VerifyToken(kKey, Target("192.0.2.8"), text));
  EXPECT_FALSE(VerifyToken(kKey, Target("192.0.2.7", 26), text));
  EXPECT_FALSE(
      VerifyToken(std::string(kTokenKeyBytes, 'j'), Target("192.0.2.7"), text));
  std::set<std::string> seen = {text};
  Token other = Some();
  other.test += 1;
  EXPECT_TRUE(seen.insert(SignToken(kKey, Target("192.0.2.7"), other)).second);
  other = Some();
  other.kind = TokenKind::kSender;
  EXPECT_TRUE(seen.insert(SignToken(kKey, Target("192.0.2.7"), other)).second);
  other = Some();
  other.form = 8;
  EXPECT_TRUE(seen.insert(SignToken(kKey, Target("192.0.2.7"), other)).second);
  other = Some();
  other.expires += 3600;
  EXPECT_TRUE(seen.insert(SignToken(kKey, Target("192.0.2.7"), other)).second);
}

TEST(Token, NoChangedCharacterVerifies) {
  const std::string text = SignToken(kKey, Target("192.0.2.7"), Some());
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : absl::string_view("abcdefghijklmnopqrstuvwxyz234567")) {
      if (c == text[i]) continue;
      std::string forged = text;
      forged[i] = c;
      EXPECT_FALSE(VerifyToken(kKey, Target("192.0.2.7"), forged)) << forged;
    }
  }
}

TEST(Token, RoundsItsExpiryUp) {
  Token token = Some();
  token.expires += 1;
  const std::optional<Token> read =
      ReadToken(SignToken(kKey, Target("192.0.2.7"), token));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->expires, kExpires + 3600);
}

TEST(Token, RefusesWhatIsNone) {
  EXPECT_FALSE(ReadToken("").has_value());
  EXPECT_FALSE(ReadToken("postmaster").has_value());
  EXPECT_FALSE(ReadToken(std::string(kTokenCharacters, '1')).has_value());
  EXPECT_FALSE(ReadToken(std::string(kTokenCharacters - 1, 'a')).has_value());
  EXPECT_FALSE(ReadToken(std::string(kTokenCharacters + 1, 'a')).has_value());
  // A form that there is not.
  EXPECT_FALSE(ReadToken(std::string(kTokenCharacters, '7')).has_value());
  EXPECT_FALSE(VerifyToken(kKey, Target("192.0.2.7"), "postmaster"));
}

TEST(Token, AnIpv4AddressIsItsMappedOne) {
  // What connects to a socket of both families shows the mapped address.
  EXPECT_TRUE(VerifyToken(kKey, Target("::ffff:192.0.2.7"),
                          SignToken(kKey, Target("192.0.2.7"), Some())));
}

}  // namespace
}  // namespace rbld
