#include "zones/written_target.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"

namespace rbld {
namespace {

std::string Read(absl::string_view text) {
  const absl::StatusOr<WrittenTarget> written = ParseWrittenTarget(text);
  if (!written.ok()) return std::string(written.status().message());
  EXPECT_TRUE(written->ascii.empty() ||
              written->ascii == written->target.ToString());
  return written->ascii.empty() ? written->target.ToString()
                                : "utf-8: " + written->ascii;
}

TEST(WrittenTarget, ReadsWhatTargetsRead) {
  for (const char* text :
       {"192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "a.example", ".a.example",
        "*.a.example", "a\\.b.example", "b\\195\\188.example",
        "xn--bcher-kva.example", "xn--not-punycode.example"}) {
    EXPECT_EQ(Read(text), text);
  }
  EXPECT_EQ(Read(""), Target::Parse("").status().message());
}

TEST(WrittenTarget, NamesInUtf8MeanTheirXnForm) {
  EXPECT_EQ(Read("bücher.example"), "utf-8: xn--bcher-kva.example");
  EXPECT_EQ(Read("BÜCHER.Example."), "utf-8: xn--bcher-kva.example");
  // Decomposed: "u" and a combining diaeresis.
  EXPECT_EQ(Read("bu\xcc\x88"
                 "cher.example"),
            "utf-8: xn--bcher-kva.example");
  EXPECT_EQ(Read(".bücher.example"), "utf-8: .xn--bcher-kva.example");
  EXPECT_EQ(Read("*.bücher.example"), "utf-8: *.xn--bcher-kva.example");
  EXPECT_EQ(Read("_dmarc.bücher.example"),
            "utf-8: _dmarc.xn--bcher-kva.example");
  EXPECT_EQ(Read("bücher。example"), "utf-8: xn--bcher-kva.example");
  // Non-transitional: ß stays, and is not ss.
  EXPECT_EQ(Read("straße.example"), "utf-8: xn--strae-oqa.example");
  EXPECT_EQ(Read("пример.испытание"), "utf-8: xn--e1afmkfd.xn--80akhbyknj4f");
}

TEST(WrittenTarget, SaysWhyAnotherNameIsRefused) {
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {
      {"b\xfc"
       "cher.example",
       "is not UTF-8"},
      {"b\xc3", "is not UTF-8"},
      {"☃.example", "disallowed"},
      {"ab--ü.example", "hyphens"},
      {"http://bücher.example/", "\":\""},
      {"bücher.example:80", "\":\""},
      {"a\\195\xc3\xbc.example", "\"\\\\\""},
      {"bü cher.example", "\" \""},
      {"bü*.example", "\"*\""},
      {"１.２.３.４", "becomes 1.2.3.4"},
      {"＊.example", "becomes *.example"},
      {"．example", "becomes .example"},
      {"..bücher.example", "label of the name is empty"},
  };
  for (const auto& one : kCases) {
    EXPECT_TRUE(absl::StrContains(Read(one.text), one.why))
        << one.text << ": " << Read(one.text);
  }
  std::string nul = "ü.example";
  nul.push_back('\0');
  EXPECT_TRUE(absl::StrContains(Read(nul), "\\x00")) << Read(nul);
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "ü";
  EXPECT_TRUE(absl::StrContains(Read(many), "longer")) << Read(many);
  many.resize(2 * 70);
  EXPECT_TRUE(absl::StrContains(Read(many), "UTS #46")) << Read(many);
}

}  // namespace
}  // namespace rbld
