// Fuzzes the parameters of a request, "key=value&…", taken as each of the kinds
// that there are. The word says whether they pass.
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/fuzz/fuzz_target.h"
#include "control/query_reader.h"

namespace rbld {

std::string FuzzOne(absl::string_view input) {
  std::map<std::string, std::string> query;
  for (const absl::string_view part : absl::StrSplit(input, '&')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (!pair.first.empty()) query.emplace(pair.first, pair.second);
  }
  QueryReader reader(query);
  std::string text;
  bool flag = false;
  int number = 7;
  double part = 0.5;
  FuzzCheck(reader.Take("text", &text) == (query.count("text") == 1));
  FuzzCheck(reader.Take("flag", &flag) == (query.count("flag") == 1));
  FuzzCheck(reader.Take("number", 1, 100, &number) ==
            (query.count("number") == 1));
  FuzzCheck(reader.TakePercent("part", &part) == (query.count("part") == 1));
  // Whatever stands there, what is taken keeps its limits.
  FuzzCheck(number >= 1 && number <= 100);
  FuzzCheck(part >= 0 && part <= 1e4);
  const absl::Status status = reader.Finish();
  if (!status.ok()) {
    FuzzCheck(!status.message().empty());
    return "bad";
  }
  FuzzCheck(query.size() <= 4);
  return "good";
}

}  // namespace rbld
