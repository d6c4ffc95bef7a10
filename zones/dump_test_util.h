// DumpTest: dumps of a real store. Only the tests of dumps use it.
#ifndef RBLD_ZONES_DUMP_TEST_UTIL_H_
#define RBLD_ZONES_DUMP_TEST_UTIL_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/file_util.h"
#include "store/publisher.h"
#include "zones/config.h"
#include "zones/dump.h"

namespace rbld {

inline constexpr int64_t kNow = 1714564800;  // 2024-05-01T12:00:00Z

class DumpTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(
        getenv("TEST_TMPDIR"), "/",
        testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_TRUE(MakeDirectories(folder_).ok());
  }

  // Opens a store for the zones of `zones_toml`, with the lists a and b.
  void Open(const std::string& zones_toml) {
    const auto config = ParseConfig(
        absl::StrCat("[store]\ndirectory = \"", folder_,
                     "/store\"\n[server]\nlisten = [\"127.0.0.1\"]\n[[list]]\n"
                     "name = \"a\"\nallow_special_purpose = true\n[[list]]\n"
                     "name = \"b\"\nallow_special_purpose = true\n",
                     zones_toml),
        "rbld.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *config;
    PublisherOptions options;
    options.directory = config_.store_directory;
    options.clock = &clock_;
    auto publisher =
        Publisher::Open(options, ListSpecs(config_), ZoneSpecs(config_));
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    publisher_ = *std::move(publisher);
  }

  void OpenZone(const std::string& kind, const std::string& lists = "\"a\"",
                const std::string& more = "") {
    Open(absl::StrCat(
        "[[zone]]\nname = \"z.test\"\nkind = [", kind, "]\nlists = [", lists,
        "]\nns = [\"ns.example.org\"]\ntest_reason = \"\"\n", more));
  }

  void Add(const std::string& list, const std::string& target, ValueSet values,
           const std::string& source = "manual") {
    Change change;
    change.list = list;
    change.source = source;
    change.target = Target::Parse(target).value();
    change.values = std::move(values);
    Apply(change);
  }

  void Exempt(const std::string& list, const std::string& target,
              const std::string& scope = "") {
    Change change;
    change.verb = Change::Verb::kExempt;
    change.list = list;
    change.source = scope;
    change.target = Target::Parse(target).value();
    Apply(change);
  }

  // Of a name that no text need spell: its labels from the top down.
  void AddWire(const std::string& list, const std::string& reversed_wire,
               NameScope scope, ValueSet values) {
    Change change;
    change.list = list;
    change.target = Target::OfName(reversed_wire, scope);
    change.values = std::move(values);
    Apply(change);
  }

  void ExemptWire(const std::string& list, const std::string& reversed_wire,
                  NameScope scope) {
    Change change;
    change.verb = Change::Verb::kExempt;
    change.list = list;
    change.source = "";
    change.target = Target::OfName(reversed_wire, scope);
    Apply(change);
  }

  void Apply(const Change& change) {
    ChangeRequest request;
    request.changes = {change};
    request.actor = "test";
    request.request = "test";
    const auto result = publisher_->Apply(request);
    ASSERT_TRUE(result.ok()) << result.status();
  }

  absl::StatusOr<DumpSummary> Dump(std::vector<DumpFormat> formats,
                                   uint64_t limit = 100000) {
    DumpOptions options;
    options.directory = absl::StrCat(folder_, "/dump");
    options.formats = std::move(formats);
    options.max_expanded_records = limit;
    return DumpZone(config_.zones[0], *publisher_->Pin(), kNow, options,
                    nullptr);
  }

  // The records of one file of a dump, without its head.
  std::vector<std::string> Lines(const std::string& name) {
    const auto text = ReadFile(absl::StrCat(folder_, "/dump/", name), 1 << 26);
    if (!text.ok()) return {std::string(text.status().message())};
    std::vector<std::string> lines = absl::StrSplit(*text, '\n');
    lines.pop_back();
    lines.erase(std::remove_if(lines.begin(), lines.end(),
                               [](const std::string& line) {
                                 return absl::StartsWith(line, "$") ||
                                        absl::StartsWith(line, "@");
                               }),
                lines.end());
    return lines;
  }

  nlohmann::json ReadManifest() {
    return nlohmann::json::parse(
        ReadFile(folder_ + "/dump/MANIFEST", 1 << 20).value_or("{}"));
  }

  // What the MANIFEST says of one file.
  nlohmann::json InManifest(const std::string& name) {
    const nlohmann::json manifest = ReadManifest();
    for (const nlohmann::json& file : manifest["files"]) {
      if (file["name"] == name) return file;
    }
    return nlohmann::json::object();
  }

  std::vector<std::string> DumpedLines(DumpFormat format,
                                       const std::string& name) {
    const auto summary = Dump({format});
    if (!summary.ok()) return {std::string(summary.status().message())};
    return Lines(name);
  }

  std::vector<std::string> ZoneLines() {
    return DumpedLines(DumpFormat::kRfc1035, "z.test.zone");
  }

  FakeClock clock_{kNow};
  std::string folder_;
  Config config_;
  std::unique_ptr<Publisher> publisher_;
};

using Strings = std::vector<std::string>;

}  // namespace rbld

#endif  // RBLD_ZONES_DUMP_TEST_UTIL_H_
