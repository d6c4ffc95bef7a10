// Output for people: aligned tables, numbers, colours, progress bars.
//
// Used by one thread.
#ifndef RBLD_TOOLS_TABLE_H_
#define RBLD_TOOLS_TABLE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace rbld {

// How many columns of a terminal the text takes: its UTF-8 characters.
size_t TextColumns(absl::string_view text);
// At most `columns` of them, the last one being "…" where something was cut.
std::string Shorten(absl::string_view text, size_t columns);
// Control bytes and bytes that are no UTF-8 as \xNN, so that a stored text
// cannot steer a terminal.
std::string Printable(absl::string_view text);
// "1,234,567"
std::string Grouped(uint64_t number);
// "1.5 MiB"
std::string Bytes(uint64_t bytes);

// Rows are printed with each column as wide as its widest cell. Cells are made
// Printable.
class Table {
 public:
  // A column whose head begins with '>' is flush right.
  explicit Table(std::vector<std::string> heads);
  // As many cells as heads.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // `bold_heads`: with escape codes of a terminal. Every line begins with
  // `indent` and has no blanks at its end.
  std::string Text(bool bold_heads, absl::string_view indent = "") const;

 private:
  std::vector<std::string> heads_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// A bar on standard error, redrawn in place; nothing at all where that is no
// terminal. Clears its line when destroyed.
class ProgressBar {
 public:
  ProgressBar(bool visible, std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void SetLabel(std::string label);
  // 0.0 to 1.0; less than 0: nobody knows how much there is, `done` counts it.
  void Update(double part, absl::string_view done = "");

  // What Update draws; for tests.
  static std::string Line(absl::string_view label, double part,
                          absl::string_view done);

 private:
  const bool visible_;
  std::string label_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_drawn_;
};

}  // namespace rbld

#endif  // RBLD_TOOLS_TABLE_H_
