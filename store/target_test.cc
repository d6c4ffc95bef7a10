#include "store/target.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
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

TEST(Target, ReadsANetmaskAsAPrefixLength) {
  EXPECT_EQ(Target::Parse("8.1.1.0/255.255.255.0").value().ToString(),
            "8.1.1.0/24");
  EXPECT_EQ(Target::Parse("8.1.1.1/255.255.255.255").value().ToString(),
            "8.1.1.1");
  EXPECT_EQ(Why("8.1.1.1/255.255.255.0"),
            "\"8.1.1.1/24\" has bits set behind the prefix; was 8.1.1.0/24 "
            "meant?");
  EXPECT_EQ(Why("8.1.1.0/0.0.0.255"),
            "\"8.1.1.0/0.0.0.255\": a wildcard mask is not read here; write "
            "8.1.1.0/24 if that is meant");
  for (const char* text : {"8.1.1.0/255.0.255.0", "8.1.1.0/0.0.0.0",
                           "8.1.1.0/24.0.0.0", "8.1/255.255.0.0"}) {
    EXPECT_FALSE(Target::Parse(text).ok()) << text;
  }
}

TEST(CheckListable, TakesHostsAndWhereTheListSaysSoSingleLabels) {
  const auto listable = [](absl::string_view text, NameRule rule) {
    return CheckListable(Target::Parse(text).value(), rule).ok();
  };
  for (const char* text :
       {"192.0.2.1", "a.example", ".zip", "*.zip", "_x.-y-.example"}) {
    EXPECT_TRUE(listable(text, NameRule::kHost)) << text;
    EXPECT_TRUE(listable(text, NameRule::kAny)) << text;
  }
  for (const char* text :
       {"foo", "d41d8cd98f00b204", "12345678", "a_b-c", ".1"}) {
    EXPECT_FALSE(listable(text, NameRule::kHost)) << text;
    EXPECT_TRUE(listable(text, NameRule::kAny)) << text;
  }
  for (const char* text :
       {"8.67.1.1:8080", "https://x.example/y", "a.8.8.1234", "a,b", "a\\.b",
        "a=b", "b\\195\\188.example", "\\049.2.3.4", "foo:80", "user@host"}) {
    EXPECT_FALSE(listable(text, NameRule::kHost)) << text;
    EXPECT_FALSE(listable(text, NameRule::kAny)) << text;
  }
}

TEST(Target, RejectsWhatCannotBeAName) {
  EXPECT_EQ(Why(""), "\"\": no address and no name");
  EXPECT_EQ(Why("."), "\".\": that is no name; the root cannot be listed");
  EXPECT_EQ(Why("a..example"), "\"a..example\": a label of the name is empty");
  EXPECT_EQ(Why("a.*.example"),
            "\"a.*.example\": not an address, and as a name it has a character "
            "that no host or domain has; to name a listing that has it, write "
            "it as \\042");
  EXPECT_EQ(Why(std::string("a\0b", 3)),
            "\"a\\x00b\": not an address, and as a name it has a character "
            "that no host or domain has; to name a listing that has it, write "
            "it as \\000");
  for (const char* text : {"a\\", "a\\1", "a\\12", "a\\256", "a\\1.23", "a\\\t",
                           "..", "a\\..", ".a..", "*..a"}) {
    EXPECT_EQ(Target::Parse(text).ok(), absl::string_view(text) == "a\\..")
        << text;
  }
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

Target Named(const std::vector<std::string>& labels,
             NameScope scope = NameScope::kExact) {
  std::string wire;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    wire.push_back(static_cast<char>(label->size()));
    wire += *label;
  }
  return Target::OfName(wire, scope);
}

TEST(Target, WritesNamesThatNoHostHasSoThatTheyReadBack) {
  const struct {
    Target target;
    const char* text;
  } kNames[] = {
      {Named({"a;b"}), "a;b"},
      {Named({"q", "example;s"}), "q.example;s"},
      {Named({"a.b", "example"}), "a\\.b.example"},
      {Named({"a.", "."}), "a\\..\\."},
      {Named({"back\\slash", "example"}), "back\\\\slash.example"},
      {Named({"a b", "example"}), "a\\032b.example"},
      {Named({"b\xc3\xbc", "example"}), "b\\195\\188.example"},
      {Named({std::string("\0", 1), "\x7f"}), "\\000.\\127"},
      {Named({"*", "example"}), "\\042.example"},
      {Named({"*", "example"}, NameScope::kSubdomains), "*.\\042.example"},
      {Named({"h#1"}, NameScope::kWithSubdomains), ".h\\0351"},
      {Named({"1", "2", "3", "4"}), "\\049.2.3.4"},
      {Named({"1", "2", "3", "999"}), "\\049.2.3.999"},
      {Named({"2001:db8::1"}), "\\050001:db8::1"},
      {Named({"a:b:c", "x"}, NameScope::kWithSubdomains), ".\\097:b:c.x"},
      {Named({"8", "67", "1", "1:8080"}), "8.67.1.1:8080"},
      {Named({"||ads", "example^"}), "||ads.example^"},
      {Named({"user@host"}), "user@host"},
      {Named({"\"q\""}), "\"q\""},
      {Named({"{x}"}), "\\123x}"},
      {Named({"-"}), "\\045"},
      {Named({"-", "example"}), "-.example"},
      {Named({"12345"}), "12345"},
  };
  for (const auto& name : kNames) {
    EXPECT_EQ(name.target.ToString(), name.text);
    const absl::StatusOr<Target> back = Target::Parse(name.text);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, name.target) << name.text;
  }
}

TEST(Target, EveryNameReadsBack) {
  std::mt19937 random(20261201);
  const auto below = [&](size_t limit) { return random() % limit; };
  // What means something in texts comes often.
  const std::string common = ".\\*#{-:/0129ab ;@\"";
  for (int i = 0; i < 100'000; ++i) {
    std::string wire;
    size_t labels = 1 + below(i % 10 == 0 ? 127 : 4);
    while (labels-- > 0) {
      size_t bytes = 1 + below(i % 10 == 1 ? 63 : 3);
      if (wire.size() + 1 + bytes > static_cast<size_t>(kMaxNameBytes)) break;
      wire.push_back(static_cast<char>(bytes));
      while (bytes-- > 0) {
        char byte = below(4) == 0 ? static_cast<char>(below(256))
                                  : common[below(common.size())];
        if (byte >= 'A' && byte <= 'Z') byte = 'z';
        wire.push_back(byte);
      }
    }
    const Target target =
        Target::OfName(wire, static_cast<NameScope>(1 + below(3)));
    const std::string text = target.ToString();
    const absl::StatusOr<Target> back = Target::Parse(text);
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(*back, target) << text;
    for (const char c : text) ASSERT_TRUE(c > ' ' && c < 0x7f) << text;
  }
}

// Bytes that earlier versions wrote as they stand in names.
TEST(Target, ReadsTheNamesOfEarlierTexts) {
  std::string label;
  for (char c = '!'; c < 0x7f; ++c) {
    if (c == '*' || c == '"' || c == '\\' || c == ';' || c == '@' || c == '.' ||
        (c >= 'A' && c <= 'Z')) {
      continue;
    }
    label.push_back(c);
    if (label.size() == 20 || c == '~') {
      EXPECT_EQ(Target::Parse(label + ".example").value(),
                Named({label, "example"}));
      label.clear();
    }
  }
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

}  // namespace
}  // namespace rbld
