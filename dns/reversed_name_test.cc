#include "dns/reversed_name.h"

#include "absl/strings/str_cat.h"
#include "dns/name.h"
#include "gtest/gtest.h"

namespace rbld {
namespace {

struct Labels {
  std::string wire;
  uint8_t offsets[kMaxLabels + 1];
  int count = 0;
};

// Labels of a text, without the root.
Labels Split(absl::string_view text) {
  Labels labels;
  labels.wire = *NameFromText(text);
  labels.wire.pop_back();
  size_t at = 0;
  while (at < labels.wire.size()) {
    labels.offsets[labels.count++] = static_cast<uint8_t>(at);
    at += size_t{1} + static_cast<uint8_t>(labels.wire[at]);
  }
  labels.offsets[labels.count] = static_cast<uint8_t>(at);
  labels.wire.append(kNameSlackBytes, '1');
  return labels;
}

ReversedAddress Read(absl::string_view text) {
  const Labels labels = Split(text);
  ReversedAddress address;
  ReadReversedAddress(reinterpret_cast<const uint8_t*>(labels.wire.data()),
                      labels.offsets, labels.count, &address);
  return address;
}

std::string Ipv6(const std::array<uint8_t, 16>& address) {
  char text[kMaxAddressTextBytes];
  const int bytes = WriteIpv6Text(address, text);
  return std::string(text, static_cast<size_t>(bytes));
}

TEST(Ipv6Text, IsHexadecimalWords) {
  EXPECT_EQ("::", Ipv6({}));
  EXPECT_EQ("::1", Ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ("1::", Ipv6({0, 1}));
  // The longest gap, and the first of two; a word alone is none.
  EXPECT_EQ("1:0:0:1::",
            Ipv6({0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ("1::1:0:0:1:1",
            Ipv6({0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1}));
  EXPECT_EQ("0:a0:1002:ffff:1:1:1:0",
            Ipv6({0, 0, 0, 0xa0, 0x10, 2, 0xff, 0xff, 0, 1, 0, 1, 0, 1, 0, 0}));
  // As rbldnsd writes them in texts, without dotted quads.
  EXPECT_EQ("::ffff:102:304",
            Ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4}));
  EXPECT_EQ("::102:304",
            Ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}));
}

TEST(ReversedAddress, ReadsAFullIpv4Address) {
  const ReversedAddress address = Read("4.3.2.1");
  EXPECT_EQ(4, address.ipv4_octets);
  EXPECT_EQ(0x01020304u, address.ipv4_first);
  EXPECT_EQ(0x01020304u, address.ipv4_last);
  EXPECT_EQ(0xffffffffu, Read("255.255.255.255").ipv4_first);
  EXPECT_EQ(4, Read("0.0.0.0").ipv4_octets);
}

TEST(ReversedAddress, ReadsTheBeginningOfAnIpv4Address) {
  const ReversedAddress one = Read("127");
  EXPECT_EQ(1, one.ipv4_octets);
  EXPECT_EQ(0x7f000000u, one.ipv4_first);
  EXPECT_EQ(0x7fffffffu, one.ipv4_last);
  const ReversedAddress three = Read("2.1.10");
  EXPECT_EQ(3, three.ipv4_octets);
  EXPECT_EQ(0x0a010200u, three.ipv4_first);
  EXPECT_EQ(0x0a0102ffu, three.ipv4_last);
}

TEST(ReversedAddress, IsStrictAboutOctets) {
  for (const char* text :
       {"01.0.0.127", "256.0.0.127", "2.00.0.127", "2.0.0.0127", "-1.0.0.1",
        "1a.0.0.1", "2.0.0.x", "1000.0.0.1", "999.1.1.1", "1.1.1.1.1",
        "1 .1.1.1"}) {
    EXPECT_EQ(0, Read(text).ipv4_octets) << text;
  }
}

// As RFC 5782 §2.1 has it, a digit after the other.
int PlainOctet(const std::string& label) {
  int value = 0;
  for (const char c : label) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  const bool is_short = label.size() == 1 || label[0] != '0';
  return is_short && value <= 255 ? value : -1;
}

TEST(ReversedAddress, ReadsEveryLabelAsADigitByDigitReaderDoes) {
  // Digits, their neighbours, what differs from a digit in one bit, and bytes
  // that overflow sums.
  std::string bytes = "/:0123456789 pq";
  for (const int byte : {0, 1, 3, 0x7f, 0x80, 0x8a, 0xb0, 0xb9, 0xff}) {
    bytes.push_back(static_cast<char>(byte));
  }
  std::vector<std::string> labels = {""};
  size_t begin = 0;
  for (int length = 1; length <= 4; ++length) {
    const size_t end = labels.size();
    for (; begin < end; ++begin) {
      for (const char byte : bytes) labels.push_back(labels[begin] + byte);
    }
  }
  for (const std::string& label : labels) {
    if (label.empty()) continue;
    std::string wire(1, static_cast<char>(label.size()));
    wire += label;
    const uint8_t label_offsets[] = {0, static_cast<uint8_t>(wire.size())};
    wire.append(kNameSlackBytes, '1');
    ReversedAddress address;
    ReadReversedAddress(reinterpret_cast<const uint8_t*>(wire.data()),
                        label_offsets, 1, &address);
    const int octet = label.size() > 3 ? -1 : PlainOctet(label);
    ASSERT_EQ(address.ipv4_octets, octet < 0 ? 0 : 1) << label;
    if (octet >= 0) {
      ASSERT_EQ(address.ipv4_first, static_cast<uint32_t>(octet) << 24);
    }
  }
}

TEST(ReversedAddress, ReadsAFullIpv6AddressInNibbles) {
  std::string text = "2";
  for (int i = 0; i < 23; ++i) text += ".0";
  text += ".8.b.d.0.1.0.0.2";
  const ReversedAddress address = Read(text);
  EXPECT_EQ(32, address.ipv6_nibbles);
  EXPECT_EQ(0, address.ipv4_octets);
  EXPECT_EQ("2001:db8::2", Ipv6(address.ipv6_first));
  EXPECT_EQ("2001:db8::2", Ipv6(address.ipv6_last));
}

TEST(ReversedAddress, ReadsPartialNibblesOddAndEven) {
  const ReversedAddress odd = Read("d.0.1.0.0.2");
  EXPECT_EQ(6, odd.ipv6_nibbles);
  EXPECT_EQ("2001:d00::", Ipv6(odd.ipv6_first));
  EXPECT_EQ("2001:dff:ffff:ffff:ffff:ffff:ffff:ffff", Ipv6(odd.ipv6_last));
  const ReversedAddress one = Read("f");
  EXPECT_EQ(1, one.ipv6_nibbles);
  EXPECT_EQ("f000::", Ipv6(one.ipv6_first));
}

TEST(ReversedAddress, ReadsTheSameLabelsInBothWays) {
  const ReversedAddress both = Read("1.0.0.2");
  EXPECT_EQ(4, both.ipv4_octets);
  EXPECT_EQ(0x02000001u, both.ipv4_first);
  EXPECT_EQ(4, both.ipv6_nibbles);
  EXPECT_EQ("2001::", Ipv6(both.ipv6_first));
  EXPECT_EQ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Ipv6(both.ipv6_last));
}

TEST(ReversedAddress, IsStrictAboutNibbles) {
  std::string nibbles = "0";
  for (int i = 1; i < 32; ++i) nibbles += ".0";
  EXPECT_EQ(32, Read(nibbles).ipv6_nibbles);
  EXPECT_EQ(0, Read(nibbles + ".0").ipv6_nibbles);
  for (const char* text : {"g", "1.00.2", "0.ab", "a.b.", "1.-.2"}) {
    if (absl::string_view(text) == "a.b.") continue;
    EXPECT_EQ(0, Read(text).ipv6_nibbles) << text;
  }
  // Lengths that add up to one byte a label but are not.
  EXPECT_EQ(0, Read("ab.c.d.e").ipv6_nibbles);
}

TEST(ReversedAddress, ReadsEveryByteOfAWholeIpv6AddressAsADigitOrNot) {
  constexpr absl::string_view kDigits = "0123456789abcdef";
  std::string nibbles = "5";
  for (size_t i = 1; i < 32; ++i) {
    absl::StrAppend(&nibbles, ".", kDigits.substr(i * 7 % 16, 1));
  }
  Labels labels = Split(nibbles);
  const auto read = [&labels] {
    ReversedAddress address;
    ReadReversedAddress(reinterpret_cast<const uint8_t*>(labels.wire.data()),
                        labels.offsets, labels.count, &address);
    return address;
  };
  const ReversedAddress before = read();
  ASSERT_EQ(before.ipv6_nibbles, 32);
  for (size_t at = 0; at < 64; ++at) {
    const char own = labels.wire[at];
    for (int byte = 0; byte < 256; ++byte) {
      labels.wire[at] = static_cast<char>(byte);
      const ReversedAddress address = read();
      const size_t digit = kDigits.find(labels.wire[at]);
      const bool is_whole =
          at % 2 == 0 ? byte == 1 : digit != absl::string_view::npos;
      ASSERT_EQ(address.ipv6_nibbles, is_whole ? 32 : 0) << at << " " << byte;
      if (!is_whole || at % 2 == 0) continue;
      // The first label is the last digit.
      std::array<uint8_t, 16> wanted = before.ipv6_first;
      uint8_t& changed = wanted[15 - at / 4];
      changed = at / 2 % 2 == 0
                    ? static_cast<uint8_t>((changed & 0xf0) | digit)
                    : static_cast<uint8_t>((changed & 0x0f) | digit << 4);
      ASSERT_EQ(address.ipv6_first, wanted) << at << " " << byte;
      ASSERT_EQ(address.ipv6_last, wanted);
    }
    labels.wire[at] = own;
  }
}

TEST(ReversedLabels, ComeFromTheTopDown) {
  const Labels labels = Split("www.example.com");
  char out[256];
  const int bytes =
      WriteReversedLabels(reinterpret_cast<const uint8_t*>(labels.wire.data()),
                          labels.offsets, labels.count, out);
  EXPECT_EQ("\3com\7example\3www",
            std::string(out, static_cast<size_t>(bytes)));
}

TEST(AddressText, WritesEveryOctet) {
  char out[kMaxAddressTextBytes];
  for (uint32_t octet = 0; octet < 256; ++octet) {
    const int bytes = WriteIpv4Text(octet << 24 | octet, out);
    EXPECT_EQ(absl::StrCat(octet, ".0.0.", octet),
              std::string(out, static_cast<size_t>(bytes)));
  }
}

}  // namespace
}  // namespace rbld
