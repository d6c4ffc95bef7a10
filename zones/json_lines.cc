#include "zones/json_lines.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "zones/duration.h"
#include "zones/written_target.h"

namespace rbld {
namespace {

using nlohmann::json;

// An object of values, an array, the objects in it.
constexpr int kMaxDepth = 3;

// How many bytes the UTF-8 sequence at the front has (RFC 3629 §4); 0 when
// there is none.
size_t Utf8Bytes(absl::string_view text) {
  const auto byte = [&text](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  const auto tail = [&byte](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = static_cast<uint8_t>(byte(0));
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    // No overlong forms and no surrogates.
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void AppendMember(absl::string_view key, absl::string_view text,
                  std::string* out) {
  absl::StrAppend(out, ",\"", key, "\":");
  AppendJsonString(text, out);
}

void AppendTime(absl::string_view key, int64_t seconds, std::string* out) {
  if (seconds != 0) AppendMember(key, IsoTime(seconds), out);
}

void AppendText(absl::string_view key, absl::string_view text,
                std::string* out) {
  if (!text.empty()) AppendMember(key, text, out);
}

absl::Status Bad(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", key, "\": ", what));
}

absl::Status TakeString(absl::string_view key, const json& value,
                        std::string* out) {
  if (!value.is_string()) return Bad(key, "must be a string");
  *out = value.get_ref<const std::string&>();
  return absl::OkStatus();
}

absl::Status TakeTime(absl::string_view key, const json& value, int64_t* out) {
  std::string text;
  if (absl::Status s = TakeString(key, value, &text); !s.ok()) return s;
  const absl::StatusOr<int64_t> seconds = ParseIsoTime(text);
  if (!seconds.ok()) return Bad(key, seconds.status().message());
  *out = *seconds;
  return absl::OkStatus();
}

absl::StatusOr<Value> TakeValue(const json& object) {
  if (!object.is_object()) return Bad("values", "must hold objects");
  Value value;
  for (const auto& [key, member] : object.items()) {
    if (key == "code") {
      std::string text;
      if (absl::Status s = TakeString(key, member, &text); !s.ok()) return s;
      const absl::StatusOr<uint32_t> code = ParseCode(text);
      if (!code.ok()) return Bad(key, code.status().message());
      value.code = *code;
    } else if (key == "reason") {
      absl::Status s = TakeString(key, member, &value.reason);
      if (!s.ok()) return s;
    } else if (key == "reason_base64") {
      std::string text;
      if (absl::Status s = TakeString(key, member, &text); !s.ok()) return s;
      if (!absl::Base64Unescape(text, &value.reason)) {
        return Bad(key, "is not base 64");
      }
    } else if (key == "ttl") {
      if (!member.is_number_unsigned() ||
          member.get<uint64_t>() > kMaxTtlSeconds) {
        return Bad(key, "must be seconds, from 0 to 2147483647");
      }
      value.ttl_seconds = member.get<uint32_t>();
    } else {
      return Bad(absl::CHexEscape(key.substr(0, 40)),
                 "unknown key; a value has code, reason and ttl");
    }
  }
  if (!object.contains("code")) return Bad("values", "a value has no code");
  return value;
}

absl::Status TakeValues(const json& array, ValueSet* values) {
  if (!array.is_array() || array.empty()) {
    return Bad("values", "must be an array of at least one value");
  }
  for (const json& object : array) {
    absl::StatusOr<Value> value = TakeValue(object);
    if (!value.ok()) return value.status();
    values->push_back(*std::move(value));
  }
  return absl::OkStatus();
}

absl::Status TakeTarget(const std::string& key, const json& value,
                        JsonEntry* entry) {
  std::string text;
  if (absl::Status s = TakeString(key, value, &text); !s.ok()) return s;
  absl::StatusOr<WrittenTarget> written = ParseWrittenTarget(text);
  if (!written.ok()) return written.status();
  entry->target = std::move(written->target);
  entry->ascii = std::move(written->ascii);
  entry->exemption = key == "exempt";
  return absl::OkStatus();
}

absl::Status TakeScope(const json& value, JsonEntry* entry) {
  std::string text;
  if (absl::Status s = TakeString("scope", value, &text); !s.ok()) return s;
  if (text != "dataset" && text != "list") {
    return Bad("scope", "must be \"dataset\" or \"list\"");
  }
  entry->whole_list = text == "list";
  return absl::OkStatus();
}

absl::Status TakeMember(const std::string& key, const json& value,
                        JsonEntry* entry) {
  if (key == "target" || key == "exempt") return TakeTarget(key, value, entry);
  if (key == "source") return TakeString(key, value, &entry->source);
  if (key == "values") return TakeValues(value, &entry->values);
  if (key == "scope") return TakeScope(value, entry);
  EntryDetails& details = entry->details;
  if (key == "created") return TakeTime(key, value, &details.created);
  if (key == "updated") return TakeTime(key, value, &details.updated);
  if (key == "expires") return TakeTime(key, value, &details.expires);
  if (key == "author") return TakeString(key, value, &details.author);
  if (key == "note") return TakeString(key, value, &details.note);
  return Bad(absl::CHexEscape(key.substr(0, 40)),
             "unknown key; known are target, exempt, scope, source, values, "
             "created, updated, expires, author and note");
}

// Parses, and sees what the library lets pass: keys that stand there twice
// and nesting without end.
class StrictParser {
 public:
  absl::StatusOr<json> Parse(absl::string_view line) {
    const auto see = [this](int depth, json::parse_event_t event,
                            json& parsed) { return See(depth, event, parsed); };
    json document = json::parse(line.begin(), line.end(), see,
                                /*allow_exceptions=*/false);
    if (!error_.ok()) return error_;
    if (document.is_discarded()) {
      return absl::InvalidArgumentError("the line is not JSON");
    }
    return document;
  }

 private:
  bool See(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth >= kMaxDepth) {
          error_ = absl::InvalidArgumentError(
              "the JSON is nested deeper than a listing is");
          return false;
        }
        if (event == json::parse_event_t::object_start) keys_.emplace_back();
        return true;
      case json::parse_event_t::object_end:
        if (!keys_.empty()) keys_.pop_back();
        return true;
      case json::parse_event_t::key:
        if (!keys_.empty() &&
            !keys_.back().insert(parsed.get<std::string>()).second) {
          error_ =
              Bad(absl::CHexEscape(parsed.get<std::string>().substr(0, 40)),
                  "stands there twice");
        }
        return true;
      default:
        return true;
    }
  }

  std::vector<std::set<std::string>> keys_;
  absl::Status error_;
};

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t bytes = Utf8Bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    const size_t bytes = Utf8Bytes(text);
    const auto first = static_cast<uint8_t>(text[0]);
    if (bytes == 0) {
      out->append("\xef\xbf\xbd");
      text.remove_prefix(1);
      continue;
    }
    if (first == '"' || first == '\\') {
      out->push_back('\\');
      out->push_back(text[0]);
    } else if (first < 0x20 || first == 0x7f) {
      absl::StrAppend(out, "\\u00", absl::Hex(first, absl::kZeroPad2));
    } else {
      out->append(text.data(), bytes);
    }
    text.remove_prefix(bytes);
  }
  out->push_back('"');
}

void AppendJsonLine(const Listing& listing, std::string* out) {
  out->append("{\"target\":");
  AppendJsonString(listing.target.ToString(), out);
  AppendMember("source", listing.source, out);
  out->append(",\"values\":[");
  const char* separator = "";
  for (const Value& value : listing.values) {
    absl::StrAppend(out, separator, "{\"code\":\"", CodeText(value.code), "\"");
    if (!value.reason.empty()) {
      if (IsUtf8(value.reason)) {
        AppendMember("reason", value.reason, out);
      } else {
        AppendMember("reason_base64", absl::Base64Escape(value.reason), out);
      }
    }
    if (value.ttl_seconds != 0) {
      absl::StrAppend(out, ",\"ttl\":", value.ttl_seconds);
    }
    out->push_back('}');
    separator = ",";
  }
  out->push_back(']');
  AppendTime("created", listing.created, out);
  AppendTime("updated", listing.updated, out);
  AppendTime("expires", listing.expires, out);
  AppendText("author", listing.author, out);
  AppendText("note", listing.note, out);
  out->append("}\n");
}

void AppendJsonLine(const Exemption& exemption, std::string* out) {
  out->append("{\"exempt\":");
  AppendJsonString(exemption.target.ToString(), out);
  if (exemption.scope_source.empty()) {
    AppendMember("scope", "list", out);
  } else {
    AppendMember("scope", "dataset", out);
    AppendMember("source", exemption.scope_source, out);
  }
  AppendTime("created", exemption.created, out);
  AppendTime("expires", exemption.expires, out);
  AppendText("author", exemption.author, out);
  AppendText("note", exemption.note, out);
  out->append("}\n");
}

absl::StatusOr<JsonEntry> ParseJsonLine(absl::string_view line) {
  const absl::StatusOr<json> document = StrictParser().Parse(line);
  if (!document.ok()) return document.status();
  if (!document->is_object()) {
    return absl::InvalidArgumentError("the line is no JSON object");
  }
  const bool has_target = document->contains("target");
  if (has_target == document->contains("exempt")) {
    return absl::InvalidArgumentError(
        has_target ? "\"target\" and \"exempt\" stand in one object"
                   : "neither \"target\" nor \"exempt\" is given");
  }
  JsonEntry entry;
  for (const auto& [key, value] : document->items()) {
    const absl::Status status = TakeMember(key, value, &entry);
    if (!status.ok()) return status;
  }
  if (entry.exemption && !entry.values.empty()) {
    return Bad("values", "an exemption has none");
  }
  if (!entry.exemption && document->contains("scope")) {
    return Bad("scope", "only an exemption has one");
  }
  return entry;
}

}  // namespace rbld
