// TargetAnswers: what the served zones answer about one target, and where they
// have it from.
#ifndef RBLD_CONTROL_TARGET_ANSWERS_H_
#define RBLD_CONTROL_TARGET_ANSWERS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace rbld {

struct TargetAnswer {
  enum class State : uint8_t {
    kNotListed,
    kListed,
    kRefused,  // to all who have no key
    kFailed,   // SERVFAIL: data that the zone needs is not there
  };
  // What has the target, whether the zone lists it or not.
  struct Origin {
    std::string list;     // one of these two is empty
    std::string dataset;  // of watched files
    bool exempt = false;  // an exemption of the dataset's list hides it
  };

  std::string zone;
  std::string subzone;  // "sbl"; empty: the zone itself
  // The name that was asked for, of several the first: of a prefix, its first
  // and its last address are, of ".example.com", the name and one below it.
  std::string asked;
  // kListed: each of these names is.
  State state = State::kNotListed;
  std::vector<std::string> codes;  // of `asked`: "127.0.0.2"
  std::vector<std::string> texts;  // likewise
  std::vector<Origin> from;
};

// Which lines of a watched dataset's files speak of the target.
struct DatasetLines {
  struct Line {
    std::string file;
    uint64_t line = 0;
    std::string text;
    bool excluded = false;  // "!": it is kept out
  };
  std::string dataset;
  std::vector<Line> lines;  // the first kMaxFoundLines
  uint64_t count = 0;       // of all
  bool changed = false;     // the files are not as they were loaded
  std::string error;        // why they could not be read
};

struct TargetAnswers {
  // Those that may be asked for such a target, in the order of the
  // configuration, each before its subzones.
  std::vector<TargetAnswer> zones;
  // Of the datasets that zones have it from, if they are wanted.
  std::vector<DatasetLines> datasets;
};

}  // namespace rbld

#endif  // RBLD_CONTROL_TARGET_ANSWERS_H_
