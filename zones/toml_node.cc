#include "zones/toml_node.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "zones/duration.h"

namespace rbld {
namespace {

constexpr size_t kMaxKeyShown = 60;

// How many insertions, removals and exchanges make `b` of `a`.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t exchanged = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({exchanged, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

const char* TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

}  // namespace

absl::Status TomlNode::ErrorAt(toml::source_position position,
                               absl::string_view key,
                               absl::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(*path_, ":", position.line, ":", position.column, ": ", key,
                   key.empty() ? "" : ": ", what));
}

absl::Status TomlNode::Error(absl::string_view what) const {
  return ErrorAt(node_->source().begin, key_, what);
}

uint32_t TomlNode::line() const { return node_->source().begin.line; }

absl::Status TomlNode::ReadString(std::string* out) const {
  const toml::value<std::string>* const value = node_->as_string();
  if (value == nullptr) {
    return Error(absl::StrCat("must be a string, not ", TypeName(*node_)));
  }
  *out = value->get();
  return absl::OkStatus();
}

absl::Status TomlNode::ReadBool(bool* out) const {
  const toml::value<bool>* const value = node_->as_boolean();
  if (value == nullptr) {
    return Error(absl::StrCat("must be true or false, not ", TypeName(*node_)));
  }
  *out = value->get();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> TomlNode::Integer(int64_t min, int64_t max) const {
  const toml::value<int64_t>* const value = node_->as_integer();
  if (value == nullptr) {
    return Error(absl::StrCat("must be an integer from ", min, " to ", max,
                              ", not ", TypeName(*node_)));
  }
  if (value->get() < min || value->get() > max) {
    return Error(
        absl::StrCat("is ", value->get(), "; must be from ", min, " to ", max));
  }
  return value->get();
}

absl::Status TomlNode::ReadNumber(double min, double max, double* out) const {
  double number = 0;
  if (const toml::value<double>* value = node_->as_floating_point()) {
    number = value->get();
  } else if (const toml::value<int64_t>* value = node_->as_integer()) {
    number = static_cast<double>(value->get());
  } else {
    return Error(absl::StrCat("must be a number from ", min, " to ", max,
                              ", not ", TypeName(*node_)));
  }
  // The comparison is written so that NaN fails it.
  if (!(number >= min && number <= max)) {
    return Error(
        absl::StrCat("is ", number, "; must be from ", min, " to ", max));
  }
  *out = number;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> TomlNode::Seconds(int64_t min, int64_t max) const {
  int64_t seconds = 0;
  if (const toml::value<std::string>* text = node_->as_string()) {
    const absl::StatusOr<int64_t> parsed = ParseDurationSeconds(text->get());
    if (!parsed.ok()) return Error(parsed.status().message());
    seconds = *parsed;
  } else if (const toml::value<int64_t>* number = node_->as_integer()) {
    seconds = number->get();
  } else {
    return Error(
        absl::StrCat("must be seconds or a duration such as \"30d\", "
                     "not ",
                     TypeName(*node_)));
  }
  if (seconds < min || seconds > max) {
    return Error(absl::StrCat("is ", seconds, " seconds; must be from ", min,
                              " to ", max));
  }
  return seconds;
}

absl::Status TomlNode::ReadPath(std::string* out) const {
  std::string text;
  const absl::Status status = ReadString(&text);
  if (!status.ok()) return status;
  if (text.find('\0') != std::string::npos) {
    return Error("a path cannot have a NUL byte");
  }
  if (!text.empty() && text[0] != '/') {
    const size_t slash = path_->rfind('/');
    if (slash != std::string::npos) {
      text = absl::StrCat(path_->substr(0, slash + 1), text);
    }
  }
  *out = std::move(text);
  return absl::OkStatus();
}

absl::Status TomlNode::ReadArray(std::vector<TomlNode>* out) const {
  const toml::array* const array = node_->as_array();
  if (array == nullptr) {
    return Error(absl::StrCat("must be an array, not ", TypeName(*node_)));
  }
  for (const toml::node& element : *array) {
    out->emplace_back(&element, path_, key_);
  }
  return absl::OkStatus();
}

absl::Status TomlNode::ReadStrings(
    std::vector<std::pair<std::string, TomlNode>>* out) const {
  std::vector<TomlNode> nodes;
  if (node_->is_string()) {
    nodes.push_back(*this);
  } else if (const absl::Status status = ReadArray(&nodes); !status.ok()) {
    return status;
  }
  for (const TomlNode& node : nodes) {
    std::string text;
    const absl::Status status = node.ReadString(&text);
    if (!status.ok()) return status;
    out->emplace_back(std::move(text), node);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TomlMember>> TomlNode::Members() const {
  const toml::table* const table = node_->as_table();
  if (table == nullptr) {
    return Error(absl::StrCat("must be a table, not ", TypeName(*node_)));
  }
  std::vector<TomlMember> members;
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    members.push_back(
        {name,
         TomlNode(&value, path_,
                  key_.empty() ? name : absl::StrCat(key_, ".", name)),
         key.source().begin});
  }
  // The library sorts by name; the first error in the file is to be reported.
  std::sort(members.begin(), members.end(),
            [](const TomlMember& a, const TomlMember& b) {
              return std::pair(a.key_position.line, a.key_position.column) <
                     std::pair(b.key_position.line, b.key_position.column);
            });
  return members;
}

absl::Status TomlNode::UnknownKey(absl::string_view name,
                                  toml::source_position position,
                                  absl::Span<const SettingText> known) const {
  std::string what = "unknown key; ";
  const SettingText* nearest = nullptr;
  size_t nearest_distance = 0;
  for (const SettingText& setting : known) {
    const size_t distance =
        EditDistance(name.substr(0, kMaxKeyShown), setting.key);
    if (nearest == nullptr || distance < nearest_distance) {
      nearest = &setting;
      nearest_distance = distance;
    }
  }
  const bool close =
      nearest != nullptr &&
      (nearest_distance <= 2 || nearest_distance * 3 <= name.size() ||
       absl::StrContains(nearest->key, name));
  if (close) {
    absl::StrAppend(&what, "did you mean `", nearest->key, "`?");
  } else {
    absl::StrAppend(&what, "known here are");
    const char* separator = " ";
    for (const SettingText& setting : known) {
      absl::StrAppend(&what, separator, setting.key);
      separator = ", ";
    }
  }
  const std::string shown = absl::CHexEscape(name.substr(0, kMaxKeyShown));
  return ErrorAt(position,
                 key_.empty() ? shown : absl::StrCat(key_, ".", shown), what);
}

absl::Status TomlNode::MissingKey(const SettingText& setting) const {
  return ErrorAt(
      node_->source().begin,
      key_.empty() ? std::string(setting.key)
                   : absl::StrCat(key_, ".", setting.key),
      absl::StrCat("is missing; it must be given (", setting.help, ")"));
}

}  // namespace rbld
