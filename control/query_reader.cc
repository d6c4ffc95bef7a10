#include "control/query_reader.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rbld {

QueryReader::QueryReader(const std::map<std::string, std::string>& query)
    : query_(query) {}

const std::string* QueryReader::Find(const char* key) {
  taken_.push_back(key);
  const auto found = query_.find(key);
  return found == query_.end() ? nullptr : &found->second;
}

void QueryReader::Fail(absl::string_view key, absl::string_view why) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(
      absl::StrCat("the parameter ", key.substr(0, 60), " ", why));
}

bool QueryReader::Take(const char* key, std::string* value) {
  const std::string* text = Find(key);
  if (text == nullptr) return false;
  *value = *text;
  return true;
}

bool QueryReader::Take(const char* key, bool* value) {
  const std::string* text = Find(key);
  if (text == nullptr) return false;
  if (*text == "1" || *text == "true" || text->empty()) {
    *value = true;
  } else if (*text == "0" || *text == "false") {
    *value = false;
  } else {
    Fail(key, "must be true or false");
  }
  return true;
}

bool QueryReader::Take(const char* key, int minimum, int maximum, int* value) {
  const std::string* text = Find(key);
  if (text == nullptr) return false;
  int number = 0;
  if (!absl::SimpleAtoi(*text, &number) || number < minimum ||
      number > maximum) {
    Fail(key, absl::StrCat("must be a whole number from ", minimum, " to ",
                           maximum));
    return true;
  }
  *value = number;
  return true;
}

bool QueryReader::TakePercent(const char* key, double* part) {
  const std::string* text = Find(key);
  if (text == nullptr) return false;
  double percent = 0;
  // The comparison is written so that NaN fails it.
  if (!absl::SimpleAtod(*text, &percent) || !(percent >= 0 && percent <= 1e6)) {
    Fail(key, "must be a number of percent, 0 or more");
    return true;
  }
  *part = percent / 100;
  return true;
}

absl::Status QueryReader::Finish() {
  for (const auto& [key, value] : query_) {
    if (std::find(taken_.begin(), taken_.end(), key) == taken_.end()) {
      Fail(key,
           absl::StrCat("is not known here; the parameters are ",
                        absl::StrJoin(taken_, ", "), ", each at most once"));
    }
  }
  return status_;
}

}  // namespace rbld
