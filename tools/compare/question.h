// What is asked of the two servers, and where it comes from.
#ifndef RBLD_TOOLS_COMPARE_QUESTION_H_
#define RBLD_TOOLS_COMPARE_QUESTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace rbld {

struct Question {
  std::string name;  // wire form, lower case, with the root's byte
  uint16_t type = 0;

  friend bool operator==(const Question&, const Question&) = default;
};

// What could not be made a question of.
struct LeftOut {
  static constexpr size_t kKept = 20;

  uint64_t count = 0;
  std::vector<std::string> first;  // "PLACE: why", kKept at most

  void Add(std::string what) {
    if (++count <= kKept) first.push_back(std::move(what));
  }
};

// Used by one thread.
class QuestionSource {
 public:
  virtual ~QuestionSource() = default;
  // False at the end. After an error there is nothing more.
  virtual absl::StatusOr<bool> Next(Question* question) = 0;
  // How much of it was read, 0.0 to 1.0; less than 0: nobody knows.
  virtual double part() const = 0;
  virtual const LeftOut& left_out() const = 0;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_COMPARE_QUESTION_H_
