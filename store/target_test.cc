#include "store/target.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace rbld {
namespace {

std::string Why(absl::string_view text) {
  const absl::StatusOr<Target> target = Target::Parse(text);
  return target.ok() ? "parsed as " + target->ToString()
                     : std::string(target.status().message());
}

std::string Key(absl::string_view text) {
  std::string key;
  Target::Parse(text).value().AppendKey(&key);
  return key;
}

TEST(Target, ParsesAddressesAndPrefixes) {
  const Target v4 = Target::Parse("192.0.2.7").value();
  EXPECT_EQ(v4.kind(), TargetKind::kIpv4);
  EXPECT_EQ(v4.prefix().ipv4(), 0xc0000207u);
  EXPECT_EQ(v4.ToString(), "192.0.2.7");
  EXPECT_EQ(Target::Parse("2001:DB8::/32").value().ToString(), "2001:db8::/32");
}

TEST(Target, ParsesNamesInEachScopeAndLowersThem) {
  const Target exact = Target::Parse("Mail.Example.COM.").value();
  EXPECT_EQ(exact.reversed_wire(), std::string("\3com\7example\4mail"));
  EXPECT_EQ(exact.scope(), NameScope::kExact);
  EXPECT_EQ(exact.ToString(), "mail.example.com");
  EXPECT_EQ(Target::Parse("*.example.com").value().scope(),
            NameScope::kSubdomains);
  EXPECT_EQ(Target::Parse(".example.com").value().scope(),
            NameScope::kWithSubdomains);
  EXPECT_EQ(Target::Parse(".example.com").value().ToString(), ".example.com");
  EXPECT_EQ(Target::Parse("*.example.com").value().ToString(), "*.example.com");
}

TEST(Target, DoesNotTakeABrokenAddressForAName) {
  for (const char* text : {"1.2.3.256", "1.2.3", "01.2.3.4", "1.2.3.4/33",
                           "1.2.3.4-1.2.3.9", "2001:db8::g", "1.2.3.4.5"}) {
    EXPECT_FALSE(Target::Parse(text).ok()) << text;
  }
  EXPECT_EQ(Why("1.2.3.256"), "\"1.2.3.256\" is not an IP address");
}

TEST(Target, NamesThePrefixThatWasMeantWhenHostBitsAreSet) {
  EXPECT_EQ(Why("192.0.2.7/24"),
            "\"192.0.2.7/24\" has bits set behind the prefix; was 192.0.2.0/24 "
            "meant?");
}

TEST(Target, RejectsWhatCannotBeAName) {
  EXPECT_EQ(Why(""), "\"\": no address and no name");
  EXPECT_EQ(Why("."), "\".\": that is no name; the root cannot be listed");
  EXPECT_EQ(Why("a..example"), "\"a..example\": a label of the name is empty");
  EXPECT_EQ(Why("a.*.example"),
            "\"a.*.example\": not an address, and as a name it has a character "
            "that no listed name may have");
  EXPECT_EQ(Why(std::string("a\0b", 3)),
            "\"a\\x00b\": not an address, and as a name it has a character "
            "that no listed name may have");
  EXPECT_EQ(Why(std::string(64, 'x') + ".example"),
            "\"" + std::string(64, 'x') +
                ".example\": a label of the name is longer than 63 bytes (RFC "
                "1035 §2.3.4)");
}

TEST(Target, LimitsANameTo255Bytes) {
  // 4 labels of 63 bytes are 256 bytes with their lengths: one too many even
  // without the root's.
  const std::string label(63, 'a');
  const std::string three = label + "." + label + "." + label + ".";
  EXPECT_TRUE(Target::Parse(three + std::string(61, 'b')).ok());
  EXPECT_FALSE(Target::Parse(three + std::string(62, 'b')).ok());
}

TEST(Target, KeysReadBackAndLeaveTheRest) {
  for (const char* text :
       {"0.0.0.0/0", "192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1",
        "example.com", "*.example.com", ".example.com"}) {
    const std::string key = Key(text) + "rest";
    absl::string_view bytes = key;
    const absl::StatusOr<Target> back = Target::ConsumeKey(&bytes);
    ASSERT_TRUE(back.ok()) << text << ": " << back.status();
    EXPECT_EQ(back->ToString(), text);
    EXPECT_EQ(*back, Target::Parse(text).value());
    EXPECT_EQ(bytes, "rest");
  }
}

TEST(Target, EveryCutKeyIsAnError) {
  for (const char* text : {"192.0.2.0/24", "2001:db8::/32", "example.com"}) {
    const std::string key = Key(text);
    for (size_t length = 0; length < key.size(); ++length) {
      absl::string_view bytes(key.data(), length);
      EXPECT_FALSE(Target::ConsumeKey(&bytes).ok()) << text << " " << length;
    }
  }
}

TEST(Target, DamagedKeysAreErrors) {
  for (const std::string& key :
       {std::string("\x04\xc0\x00\x02\x01\x18", 6),  // host bits
        std::string("\x04\xc0\x00\x02\x00\x21", 6),  // /33
        std::string("\x05\xc0\x00\x02\x00\x18", 6),  // kind
        std::string("\x01\x03com\x00\x04", 7),       // scope
        std::string("\x01\x00\x01", 3)}) {           // root
    absl::string_view bytes = key;
    EXPECT_FALSE(Target::ConsumeKey(&bytes).ok());
  }
}

TEST(Target, ContainersSortBeforeWhatTheyContain) {
  const std::vector<const char*> order = {
      ".com",          ".example.com",   "a.example.com", "b.a.example.com",
      "b.example.com", "example-a.com",  "10.0.0.0/8",    "10.0.0.0/16",
      "10.0.0.0",      "10.0.0.1",       "11.0.0.0/8",    "2001:db8::/32",
      "2001:db8::/48", "2001:db8:1::/48"};
  std::vector<std::string> keys;
  for (const char* text : order) keys.push_back(Key(text));
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  // Labels sort by length first, so only what contains is compared here.
  const auto at = [&](int i) {
    return std::find(sorted.begin(), sorted.end(), keys[i]) - sorted.begin();
  };
  EXPECT_LT(at(0), at(1));
  EXPECT_LT(at(1), at(2));
  EXPECT_LT(at(2), at(3));
  EXPECT_LT(at(3), at(4));
  for (int i = 6; i + 1 < static_cast<int>(order.size()); ++i) {
    EXPECT_LT(keys[i], keys[i + 1]) << order[i];
  }
}

TEST(NameText, WritesLabelsFromTheHostUp) {
  EXPECT_EQ(NameText(std::string("\3com\7example\1a")), "a.example.com");
  EXPECT_EQ(NameText(""), ".");
}

}  // namespace
}  // namespace rbld
