#include "control/json.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kMaxQuotedKeyBytes = 60;

// Builds the value while it watches what a parser alone lets pass.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(number_integer_t value) override { return Put(value); }
  bool number_unsigned(number_unsigned_t value) override { return Put(value); }
  bool number_float(number_float_t value, const string_t&) override {
    return Put(value);
  }
  bool string(string_t& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return Fail("binary data"); }
  bool start_object(size_t) override { return Open(Json::object()); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) {
      return Fail(absl::StrCat("the key \"", name.substr(0, kMaxQuotedKeyBytes),
                               "\" stands twice in one object"));
    }
    open_.back().key = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string& token,
                   const nlohmann::json::exception&) override {
    if (error_.empty()) {
      error_ = absl::StrCat("not JSON at byte ", position);
      if (!token.empty() && token.size() <= kMaxQuotedKeyBytes) {
        absl::StrAppend(&error_, ", near \"", token, "\"");
      }
    }
    return false;
  }

  const std::string& error() const { return error_; }
  Json TakeRoot() { return std::move(root_); }

 private:
  struct Container {
    Json value;
    std::string key;  // where the next value goes, in an object
    std::set<std::string> keys;
  };

  bool Fail(absl::string_view why) {
    error_ = std::string(why);
    return false;
  }

  bool Open(Json container) {
    if (open_.size() >= static_cast<size_t>(kMaxJsonDepth)) {
      return Fail(absl::StrCat("nested deeper than ", kMaxJsonDepth));
    }
    open_.push_back(Container{std::move(container), {}, {}});
    return true;
  }

  bool Close() {
    Json value = std::move(open_.back().value);
    open_.pop_back();
    return Put(std::move(value));
  }

  bool Put(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.is_array()) {
      open_.back().value.push_back(std::move(value));
    } else {
      // Keys are known to differ, so that no search for an equal one is
      // needed: an ordered_json's operator[] is linear in the object's size.
      open_.back().value.get_ref<Json::object_t&>().emplace_back(
          std::move(open_.back().key), std::move(value));
    }
    return true;
  }

  std::vector<Container> open_;
  Json root_;
  std::string error_;
};

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  // The parser below skips a byte order mark; RFC 8259 §8.1 allows that.
  StrictBuilder builder;
  const bool good = Json::sax_parse(text.begin(), text.end(), &builder,
                                    nlohmann::json::input_format_t::json,
                                    /*strict=*/true);
  if (!good) {
    return absl::InvalidArgumentError(
        builder.error().empty() ? "not JSON" : builder.error());
  }
  return builder.TakeRoot();
}

std::string JsonText(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

std::string JsonTextPretty(const Json& json) {
  return json.dump(2, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

}  // namespace rbld
