#include "dns/name.h"

#include <random>

#include "gtest/gtest.h"

namespace rbld {
namespace {

const uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::string Wire(absl::string_view text) { return *NameFromText(text); }

// 254 bytes of labels and the root: the longest name there can be.
std::string LongestName() {
  std::string name;
  for (int i = 0; i < 3; ++i) name += '\x3f' + std::string(63, 'a');
  return name + '\x3d' + std::string(61, 'b') + std::string(1, '\0');
}

TEST(WireNameBytes, MeasuresUpToTheRoot) {
  EXPECT_EQ(1, WireNameBytes(Bytes(std::string(1, '\0')), 1));
  const std::string name = Wire("a.example.com") + "rest";
  EXPECT_EQ(15, WireNameBytes(Bytes(name), name.size()));
}

TEST(WireNameBytes, Accepts255BytesAndRejects256) {
  const std::string longest = LongestName();
  ASSERT_EQ(255u, longest.size());
  EXPECT_EQ(255, WireNameBytes(Bytes(longest), longest.size()));
  const std::string over = std::string("\1x") + longest.substr(0, 192) +
                           '\x3c' + std::string(60, 'b') + '\0';
  ASSERT_EQ(256u, over.size());
  EXPECT_EQ(0, WireNameBytes(Bytes(over), over.size()));
}

TEST(WireNameBytes, RejectsPointersOtherLabelTypesAndCutNames) {
  const std::string pointer("\1a\xc0\x0c", 4);
  EXPECT_EQ(0, WireNameBytes(Bytes(pointer), pointer.size()));
  const std::string type_01 = '\x41' + std::string(65, 'a') + '\0';
  EXPECT_EQ(0, WireNameBytes(Bytes(type_01), type_01.size()));
  const std::string cut = "\7exam";
  EXPECT_EQ(0, WireNameBytes(Bytes(cut), cut.size()));
  const std::string no_root = "\3com";
  EXPECT_EQ(0, WireNameBytes(Bytes(no_root), no_root.size()));
}

TEST(SkipName, TakesAPointerBackAsTheEnd) {
  const std::string message = std::string(12, '\0') +
                              std::string("\3com\0", 5) +
                              std::string("\1a\xc0\x0c", 4);
  EXPECT_EQ(5, SkipName(Bytes(message), message.size(), 12));
  EXPECT_EQ(4, SkipName(Bytes(message), message.size(), 17));
}

TEST(ExpandName, FollowsPointersAndSaysWhatItTook) {
  const std::string message =
      std::string(12, '\0') + std::string("\3com\0", 5) +
      std::string("\1A\xc0\x0c", 4) + std::string("\1b\xc0\x11", 4) + "rest";
  std::string name;
  EXPECT_EQ(5, ExpandName(Bytes(message), message.size(), 12, &name));
  EXPECT_EQ(Wire("com"), name);
  EXPECT_EQ(4, ExpandName(Bytes(message), message.size(), 21, &name));
  EXPECT_EQ(Wire("b.A.com"), name);
}

TEST(ExpandName, RejectsLoopsForwardPointersCutAndLongNames) {
  const std::string start(12, '\0');
  std::string name;
  for (const std::string& bad :
       {std::string("\xc0\x0c", 2), std::string("\1a\xc0\x0c", 4),
        std::string("\xc0\x0e\0", 3), std::string("\xc0\x03", 2),
        std::string("\xc0", 1), std::string("\5ab", 3), std::string("\1a", 2),
        std::string("\x41"
                    "a\0",
                    3)}) {
    const std::string message = start + bad;
    EXPECT_EQ(0, ExpandName(Bytes(message), message.size(), 12, &name));
  }
  // The longest name, and a label before it by a pointer.
  const std::string message = start + LongestName() + "\1x\xc0\x0c";
  EXPECT_EQ(255, ExpandName(Bytes(message), message.size(), 12, &name));
  EXPECT_EQ(0, ExpandName(Bytes(message), message.size(), 12 + 255, &name));
}

TEST(SkipName, RejectsPointersToSelfForwardIntoTheHeaderAndCutOnes) {
  const std::string start(12, '\0');
  for (const std::string& name :
       {std::string("\xc0\x0c", 2), std::string("\xc0\x20", 2),
        std::string("\1a\xc0\x0c", 4), std::string("\xc0\x02", 2),
        std::string("\xc0", 1), std::string("\x80\x01", 2),
        std::string("\x40\x01", 2)}) {
    const std::string message = start + name;
    EXPECT_EQ(0, SkipName(Bytes(message), message.size(), 12));
  }
}

TEST(SkipName, RejectsNamesOver255Bytes) {
  const std::string start(12, '\0');
  const std::string longest = LongestName();
  EXPECT_EQ(255, SkipName(Bytes(start + longest), 267, 12));
  const std::string over = start + "\1x" + longest;
  EXPECT_EQ(0, SkipName(Bytes(over), over.size(), 12));
}

TEST(LowerCaseName, LowersEveryAsciiLetterAndNothingElse) {
  std::string all;
  // Labels of 32 bytes that hold every byte value in turn, at every place of
  // an 8-byte word.
  for (int shift = 0; shift < 8; ++shift) {
    for (int base = 0; base < 256; base += 32) {
      std::string name(1, '\x20');
      for (int i = 0; i < 32; ++i) {
        name += static_cast<char>((base + i + shift) & 0xff);
      }
      name = std::string(static_cast<size_t>(shift), '\0') + name;
      uint8_t out[kNameBufferBytes];
      LowerCaseName(Bytes(name), static_cast<int>(name.size()), out);
      for (size_t i = 0; i < name.size(); ++i) {
        const uint8_t byte = static_cast<uint8_t>(name[i]);
        const uint8_t want =
            byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte + 32) : byte;
        ASSERT_EQ(want, out[i]) << "byte " << int{byte} << " at " << i;
      }
    }
  }
}

TEST(NamesEqual, IgnoresCaseAndKeepsLengthBytes) {
  EXPECT_TRUE(NamesEqual(Wire("Example.COM"), Wire("eXAMPLE.com")));
  EXPECT_FALSE(NamesEqual(Wire("example.com"), Wire("example.co")));
  EXPECT_FALSE(NamesEqual(Wire("ab.c"), Wire("a.bc")));
}

TEST(NameEndsIn, MatchesOnLabelEdgesOnly) {
  EXPECT_TRUE(NameEndsIn(Wire("a.b.example"), Wire("B.EXAMPLE")));
  EXPECT_TRUE(NameEndsIn(Wire("b.example"), Wire("b.example")));
  EXPECT_TRUE(NameEndsIn(Wire("b.example"), Wire(".")));
  EXPECT_FALSE(NameEndsIn(Wire("ab.example"), Wire("b.example")));
  EXPECT_FALSE(NameEndsIn(Wire("example"), Wire("b.example")));
  // The bytes of the suffix stand inside a label here.
  EXPECT_FALSE(NameEndsIn(std::string("\6xx\3com\0", 8), Wire("com")));
}

TEST(LabelCount, LeavesOutTheRoot) {
  EXPECT_EQ(0, LabelCount(Wire(".")));
  EXPECT_EQ(3, LabelCount(Wire("a.b.c")));
}

TEST(NameText, EscapesWhatTheTextFormNeeds) {
  const std::string name("\4a.b\\\3x\0y\0", 10);
  EXPECT_EQ("a\\.b\\\\.x\\000y.", NameToText(name));
  EXPECT_EQ(name, Wire("a\\.b\\\\.x\\000y."));
  EXPECT_EQ(".", NameToText(Wire(".")));
}

TEST(NameText, ReadsBackWhatItWrites) {
  std::mt19937 random(7);
  for (int round = 0; round < 1000; ++round) {
    std::string name;
    const int labels = static_cast<int>(random() % 6);
    for (int i = 0; i < labels; ++i) {
      const int bytes = 1 + static_cast<int>(random() % 30);
      name += static_cast<char>(bytes);
      for (int k = 0; k < bytes; ++k) name += static_cast<char>(random());
    }
    name += '\0';
    const absl::StatusOr<std::string> again = NameFromText(NameToText(name));
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(name, *again);
  }
}

TEST(NameText, RejectsWhatIsNoName) {
  for (const char* text :
       {"", "a..b", ".a", "a\\", "a\\25", "a\\256", "a\\2x5"}) {
    EXPECT_FALSE(NameFromText(text).ok()) << text;
  }
  EXPECT_FALSE(NameFromText(std::string(64, 'a')).ok());
  std::string over;
  for (int i = 0; i < 128; ++i) over += "a.";
  EXPECT_FALSE(NameFromText(over).ok());
}

}  // namespace
}  // namespace rbld
