#include "tests/bench/query_set.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kMaxNameBytes = 255;  // RFC 1035 §2.3.4
constexpr size_t kMaxLabelBytes = 63;
// A record has at most seven bytes more than the name's text, its line at least
// three: a blank, a type and the end.
constexpr size_t kMoreThanALine = 4;

struct TypeName {
  absl::string_view text;
  uint16_t type;
};

constexpr TypeName kTypes[] = {
    {"A", 1},   {"NS", 2},   {"CNAME", 5}, {"SOA", 6},   {"PTR", 12},
    {"MX", 15}, {"TXT", 16}, {"AAAA", 28}, {"ANY", 255},
};

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The first word of `*text`, taken off it; empty when there is none.
absl::string_view TakeWord(absl::string_view* text) {
  size_t begin = 0;
  while (begin < text->size() && IsBlank((*text)[begin])) ++begin;
  size_t end = begin;
  while (end < text->size() && !IsBlank((*text)[end])) ++end;
  const absl::string_view word = text->substr(begin, end - begin);
  text->remove_prefix(end);
  return word;
}

absl::StatusOr<uint16_t> TypeOf(absl::string_view text) {
  for (const TypeName& one : kTypes) {
    if (absl::EqualsIgnoreCase(text, one.text)) return one.type;
  }
  uint32_t number;
  if (absl::StartsWithIgnoreCase(text, "TYPE") &&
      absl::SimpleAtoi(text.substr(4), &number) && number <= 0xffff) {
    return static_cast<uint16_t>(number);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the type '", text, "' is not known"));
}

absl::Status BadName(absl::string_view name, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", name, "': ", why));
}

}  // namespace

absl::StatusOr<QuerySet> QuerySet::Parse(absl::string_view text) {
  QuerySet set;
  const auto lines =
      static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  set.records_.reserve(text.size() + lines * kMoreThanALine);
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    absl::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const absl::string_view name = TakeWord(&line);
    if (name.empty() || name[0] == '#' || name[0] == ';') continue;
    const absl::string_view type = TakeWord(&line);
    absl::Status status = set.Add(name, type);
    if (status.ok() && !TakeWord(&line).empty()) {
      status = absl::InvalidArgumentError("more than a name and a type");
    }
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", status.message()));
    }
  }
  if (set.count_ == 0) return absl::InvalidArgumentError("no queries in it");
  return set;
}

absl::StatusOr<QuerySet> QuerySet::ReadFile(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    return absl::NotFoundError(absl::StrCat(path, ": ", strerror(errno)));
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) {
    close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": empty, or not a file"));
  }
  void* const map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  close(fd);
  if (map == MAP_FAILED) {
    return absl::InternalError(absl::StrCat(path, ": ", strerror(error)));
  }
  madvise(map, size, MADV_SEQUENTIAL);
  absl::StatusOr<QuerySet> set =
      Parse(absl::string_view(static_cast<const char*>(map), size));
  munmap(map, size);
  if (set.ok()) return set;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", set.status().message()));
}

absl::Status QuerySet::Add(absl::string_view name, absl::string_view type) {
  const absl::StatusOr<uint16_t> type_code = TypeOf(type);
  if (!type_code.ok()) return type_code.status();
  if (records_.size() > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError("more than 4 GiB of queries");
  }
  uint8_t wire[kMaxNameBytes];
  size_t size = 0;
  absl::string_view rest = name == "." ? "" : name;
  while (!rest.empty()) {
    const size_t label = std::min(rest.find('.'), rest.size());
    if (label == 0) return BadName(name, "an empty label");
    if (label > kMaxLabelBytes) return BadName(name, "a label over 63 bytes");
    if (size + 1 + label + 1 > kMaxNameBytes) {
      return BadName(name, "over 255 bytes");
    }
    if (rest.substr(0, label).find('\\') != absl::string_view::npos) {
      return BadName(name, "escapes are not supported");
    }
    wire[size] = static_cast<uint8_t>(label);
    memcpy(wire + size + 1, rest.data(), label);
    size += 1 + label;
    rest.remove_prefix(std::min(label + 1, rest.size()));
  }
  wire[size++] = 0;
  records_.push_back(static_cast<uint8_t>(size));
  records_.insert(records_.end(), wire, wire + size);
  const uint8_t type_and_class[] = {static_cast<uint8_t>(*type_code >> 8),
                                    static_cast<uint8_t>(*type_code), 0, 1};
  records_.insert(records_.end(), type_and_class, type_and_class + 4);
  ++count_;
  return absl::OkStatus();
}

}  // namespace rbld
