#include "tools/table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "zones/json_lines.h"

namespace rbld {
namespace {

constexpr std::chrono::milliseconds kRedrawEvery(100);
constexpr int kBarColumns = 30;

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

size_t TextColumns(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string Shorten(absl::string_view text, size_t columns) {
  if (TextColumns(text) <= columns) return std::string(text);
  size_t kept = 0;
  size_t bytes = 0;
  while (bytes < text.size()) {
    if (!IsContinuation(text[bytes]) && ++kept == columns) break;
    ++bytes;
  }
  return absl::StrCat(text.substr(0, bytes), "…");
}

std::string Printable(absl::string_view text) {
  const bool utf8 = IsUtf8(text);
  std::string printable;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, C2 80 to C2 9F, are control characters too.
    const bool control_pair = byte == 0xc2 && i + 1 < text.size() &&
                              static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (control_pair && utf8) {
      absl::StrAppendFormat(&printable, "\\x%02x",
                            static_cast<unsigned char>(text[++i]));
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      absl::StrAppendFormat(&printable, "\\x%02x", byte);
    } else {
      printable += text[i];
    }
  }
  return printable;
}

std::string Grouped(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  double amount = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : kUnits) {
    if (amount < 1024) break;
    amount /= 1024;
    unit = next;
  }
  return absl::StrFormat("%.1f %s", amount, unit);
}

Table::Table(std::vector<std::string> heads) : heads_(std::move(heads)) {
  for (std::string& head : heads_) {
    right_.push_back(!head.empty() && head.front() == '>');
    if (right_.back()) head.erase(0, 1);
  }
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(heads_.size());
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Text(bool bold_heads, absl::string_view indent) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < heads_.size(); ++i) {
    size_t width = TextColumns(heads_[i]);
    for (const auto& row : rows_) width = std::max(width, TextColumns(row[i]));
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text(indent);
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string blanks(widths[i] - TextColumns(cells[i]), ' ');
      absl::StrAppend(&text, i == 0 ? "" : "  ", right_[i] ? blanks : "",
                      cells[i], right_[i] ? "" : blanks);
    }
    const size_t end = text.find_last_not_of(' ');
    text.resize(end == std::string::npos ? 0 : end + 1);
    return text;
  };
  std::string text = bold_heads
                         ? absl::StrCat("\033[1m", line(heads_), "\033[0m\n")
                         : absl::StrCat(line(heads_), "\n");
  for (const auto& row : rows_) absl::StrAppend(&text, line(row), "\n");
  return text;
}

ProgressBar::ProgressBar(bool visible, std::string label)
    : visible_(visible), label_(std::move(label)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) fputs("\r\033[K", stderr);
}

void ProgressBar::SetLabel(std::string label) { label_ = std::move(label); }

void ProgressBar::Update(double part, absl::string_view done) {
  if (!visible_) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_drawn_ < kRedrawEvery && part < 1) return;
  last_drawn_ = now;
  drawn_ = true;
  fprintf(stderr, "\r%s\033[K", Line(label_, part, done).c_str());
  fflush(stderr);
}

std::string ProgressBar::Line(absl::string_view label, double part,
                              absl::string_view done) {
  std::string line(label);
  if (part >= 0) {
    const double bounded = std::min(part, 1.0);
    const int full = static_cast<int>(bounded * kBarColumns);
    absl::StrAppend(&line, " [", std::string(full, '#'),
                    std::string(kBarColumns - full, '.'), "] ",
                    static_cast<int>(bounded * 100), " %");
  }
  if (!done.empty()) absl::StrAppend(&line, " ", done);
  return line;
}

}  // namespace rbld
