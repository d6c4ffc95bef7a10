// TomlNode: one value of a TOML file that knows where it stands, and tables of
// settings that check a file and describe themselves.
//
// Used by one thread. A TomlNode borrows from the parsed document.
#ifndef RBLD_ZONES_TOML_NODE_H_
#define RBLD_ZONES_TOML_NODE_H_

#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace rbld {

// What a person is told of one setting.
struct SettingText {
  const char* key;
  const char* type;
  const char* fallback;  // the default, as TOML; "" if there is none
  bool required;
  const char* help;
};

struct TomlMember;

class TomlNode {
 public:
  TomlNode() = default;
  // `key` is the whole name, such as "zone.ttl"; "" for the file itself.
  TomlNode(const toml::node* node, const std::string* path, std::string key)
      : node_(node), path_(path), key_(std::move(key)) {}

  bool present() const { return node_ != nullptr; }
  const std::string& key() const { return key_; }

  // "FILE:LINE:COLUMN: KEY: what".
  absl::Status Error(absl::string_view what) const;
  // "LINE" of the value, for messages that point at a second place.
  uint32_t line() const;

  absl::Status ReadString(std::string* out) const;
  absl::Status ReadBool(bool* out) const;
  template <typename T>
  absl::Status ReadInteger(int64_t min, int64_t max, T* out) const {
    absl::StatusOr<int64_t> value = Integer(min, max);
    if (!value.ok()) return value.status();
    *out = static_cast<T>(*value);
    return absl::OkStatus();
  }
  // A whole number or one with a fraction.
  absl::Status ReadNumber(double min, double max, double* out) const;
  // A number of seconds, or text such as "30d".
  template <typename T>
  absl::Status ReadSeconds(T* out, int64_t min = 0,
                           int64_t max = 0x7fffffff) const {
    absl::StatusOr<int64_t> value = Seconds(min, max);
    if (!value.ok()) return value.status();
    *out = static_cast<T>(*value);
    return absl::OkStatus();
  }
  // A path; a relative one is taken from the file's folder.
  absl::Status ReadPath(std::string* out) const;

  // The elements of an array; `out` gets nodes with this node's key.
  absl::Status ReadArray(std::vector<TomlNode>* out) const;
  // An array of strings, or one string alone.
  absl::Status ReadStrings(
      std::vector<std::pair<std::string, TomlNode>>* out) const;

  // The members of a table in the order of the file.
  absl::StatusOr<std::vector<TomlMember>> Members() const;

  // An unknown key at `position` of this table.
  absl::Status UnknownKey(absl::string_view name,
                          toml::source_position position,
                          absl::Span<const SettingText> known) const;
  absl::Status MissingKey(const SettingText& setting) const;

 private:
  absl::StatusOr<int64_t> Integer(int64_t min, int64_t max) const;
  absl::StatusOr<int64_t> Seconds(int64_t min, int64_t max) const;
  absl::Status ErrorAt(toml::source_position position, absl::string_view key,
                       absl::string_view what) const;

  const toml::node* node_ = nullptr;
  const std::string* path_ = nullptr;
  std::string key_;
};

// A key of a table, its value and, for messages about the key itself, its
// place.
struct TomlMember {
  std::string name;
  TomlNode value;
  toml::source_position key_position;
};

// One setting of a table that is read into a T: adding a setting is adding a
// field to T and a row.
template <typename T>
struct Setting {
  SettingText text;
  std::function<absl::Status(const TomlNode& node, T* out)> read;
};

// Reads every key of `table`, in the order of the file, by its row; unknown
// and missing keys are errors.
template <typename T>
absl::Status ReadTable(const TomlNode& table,
                       const std::vector<Setting<T>>& settings, T* out) {
  absl::StatusOr<std::vector<TomlMember>> members = table.Members();
  if (!members.ok()) return members.status();
  std::vector<SettingText> texts;
  for (const Setting<T>& setting : settings) texts.push_back(setting.text);
  std::vector<bool> seen(settings.size(), false);
  for (const TomlMember& member : *members) {
    size_t i = 0;
    while (i < settings.size() && member.name != settings[i].text.key) ++i;
    if (i == settings.size()) {
      return table.UnknownKey(member.name, member.key_position, texts);
    }
    seen[i] = true;
    const absl::Status status = settings[i].read(member.value, out);
    if (!status.ok()) return status;
  }
  for (size_t i = 0; i < settings.size(); ++i) {
    if (settings[i].text.required && !seen[i]) {
      return table.MissingKey(settings[i].text);
    }
  }
  return absl::OkStatus();
}

}  // namespace rbld

#endif  // RBLD_ZONES_TOML_NODE_H_
