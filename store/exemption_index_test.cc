#include "store/exemption_index.h"

#include <gtest/gtest.h>

namespace rbld {
namespace {

constexpr uint64_t kSeed = 7;

Target Of(absl::string_view text) { return *Target::Parse(text); }

TEST(ExemptionIndex, HoldsWithinItsTargets) {
  const auto index = ExemptionIndex::Build(
      {Of("192.0.2.0/24").Key(), Of("2001:db8::/32").Key(),
       Of(".example.com").Key(), Of("exact.test").Key()},
      kSeed);
  ASSERT_NE(index, nullptr);
  EXPECT_TRUE(index->Has(0xc0000200));
  EXPECT_TRUE(index->Has(0xc00002ff));
  EXPECT_FALSE(index->Has(0xc0000300));
  EXPECT_TRUE(index->Has(Of("2001:db8::1").prefix().bytes));
  EXPECT_FALSE(index->Has(Of("2001:db9::1").prefix().bytes));
  EXPECT_TRUE(index->HasName(Of("a.example.com").reversed_wire()));
  EXPECT_TRUE(index->HasName(Of("example.com").reversed_wire()));
  EXPECT_TRUE(index->HasName(Of("exact.test").reversed_wire()));
  EXPECT_FALSE(index->HasName(Of("a.exact.test").reversed_wire()));
}

TEST(ExemptionIndex, IsTheSameUntilSomethingChanges) {
  const auto none =
      ExemptionIndex::With(nullptr, Of("192.0.2.1"), false, kSeed);
  EXPECT_EQ(none, nullptr);
  const auto one = ExemptionIndex::With(none, Of("192.0.2.1"), true, kSeed);
  EXPECT_TRUE(one->Has(0xc0000201));
  EXPECT_EQ(ExemptionIndex::With(one, Of("192.0.2.1"), true, kSeed), one);
  EXPECT_EQ(ExemptionIndex::With(one, Of("192.0.2.2"), false, kSeed), one);
  const auto two = ExemptionIndex::With(one, Of("192.0.2.0/30"), true, kSeed);
  const auto rest = ExemptionIndex::With(two, Of("192.0.2.1"), false, kSeed);
  // The wider one still holds.
  EXPECT_TRUE(rest->Has(0xc0000201));
  EXPECT_EQ(ExemptionIndex::With(rest, Of("192.0.2.0/30"), false, kSeed),
            nullptr);
}

}  // namespace
}  // namespace rbld
