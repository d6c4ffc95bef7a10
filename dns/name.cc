#include "dns/name.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

uint8_t Lower(uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<uint8_t>(byte + 32) : byte;
}

bool EqualIgnoringCase(const char* a, const char* b, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (Lower(static_cast<uint8_t>(a[i])) !=
        Lower(static_cast<uint8_t>(b[i]))) {
      return false;
    }
  }
  return true;
}

absl::Status BadName(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text.substr(0, 300), "\" is not a name: ", why));
}

}  // namespace

int WireNameBytes(const uint8_t* bytes, size_t size) {
  size_t at = 0;
  while (at < size) {
    const uint8_t length = bytes[at];
    if (length > kMaxLabelBytes) return 0;
    at += size_t{1} + length;
    if (at > kMaxWireNameBytes) return 0;
    if (length == 0) return static_cast<int>(at);
  }
  return 0;
}

int SkipName(const uint8_t* message, size_t size, size_t offset) {
  size_t at = offset;
  while (at < size) {
    const uint8_t length = message[at];
    if (length <= kMaxLabelBytes) {
      at += size_t{1} + length;
      if (at - offset > kMaxWireNameBytes) return 0;
      if (length == 0) return at <= size ? static_cast<int>(at - offset) : 0;
      continue;
    }
    // Types 01 and 10 were never put to lasting use (RFC 6891 §5).
    if ((length & 0xc0) != 0xc0 || at + 2 > size) return 0;
    const size_t target = size_t{length & 0x3fu} << 8 | message[at + 1];
    // A pointer is to a prior occurrence (RFC 1035 §4.1.4), so before this
    // name, and a name cannot begin inside the header.
    if (target >= offset || target < 12) return 0;
    return static_cast<int>(at + 2 - offset);
  }
  return 0;
}

int ExpandName(const uint8_t* message, size_t size, size_t offset,
               std::string* name) {
  name->clear();
  size_t at = offset;
  size_t part_start = offset;
  size_t taken = 0;  // up to the first pointer's end
  while (at < size) {
    const uint8_t length = message[at];
    if (length <= kMaxLabelBytes) {
      const size_t bytes = size_t{1} + length;
      if (size - at < bytes) return 0;
      name->append(reinterpret_cast<const char*>(message) + at, bytes);
      if (name->size() > kMaxWireNameBytes) return 0;
      at += bytes;
      if (length != 0) continue;
      return static_cast<int>(taken != 0 ? taken : at - offset);
    }
    if ((length & 0xc0) != 0xc0 || at + 2 > size) return 0;
    const size_t target = size_t{length & 0x3fu} << 8 | message[at + 1];
    if (target >= part_start || target < 12) return 0;
    if (taken == 0) taken = at + 2 - offset;
    at = target;
    part_start = target;
  }
  return 0;
}

bool NamesEqual(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() &&
         EqualIgnoringCase(a.data(), b.data(), a.size());
}

bool NameEndsIn(absl::string_view name, absl::string_view suffix) {
  size_t at = 0;
  while (name.size() - at > suffix.size()) {
    at += size_t{1} + static_cast<uint8_t>(name[at]);
    if (at > name.size()) return false;
  }
  return NamesEqual(name.substr(at), suffix);
}

int LabelCount(absl::string_view name) {
  int count = 0;
  size_t at = 0;
  while (at < name.size() && name[at] != 0) {
    at += size_t{1} + static_cast<uint8_t>(name[at]);
    ++count;
  }
  return count;
}

int WriteLabelsText(const uint8_t* labels, int labels_bytes, char* out,
                    bool zone_file_signs) {
  char* const start = out;
  int at = 0;
  while (at < labels_bytes && labels[at] != 0) {
    const int end = at + 1 + labels[at];
    if (at > 0) *out++ = '.';
    for (int i = at + 1; i < end && i < labels_bytes; ++i) {
      const uint8_t byte = labels[i];
      if (byte == '.' || byte == '\\' ||
          (zone_file_signs &&
           (byte == '"' || byte == ';' || byte == '@' || byte == '$'))) {
        *out++ = '\\';
        *out++ = static_cast<char>(byte);
      } else if (byte > 0x20 && byte < 0x7f) {
        *out++ = static_cast<char>(byte);
      } else {
        *out++ = '\\';
        *out++ = static_cast<char>('0' + byte / 100);
        *out++ = static_cast<char>('0' + byte / 10 % 10);
        *out++ = static_cast<char>('0' + byte % 10);
      }
    }
    at = end;
  }
  return static_cast<int>(out - start);
}

std::string NameToText(absl::string_view name) {
  char buffer[kMaxNameTextBytes];
  const int bytes =
      WriteLabelsText(reinterpret_cast<const uint8_t*>(name.data()),
                      static_cast<int>(name.size()), buffer);
  return absl::StrCat(absl::string_view(buffer, static_cast<size_t>(bytes)),
                      ".");
}

absl::StatusOr<std::string> NameFromText(absl::string_view text) {
  std::string wire;
  if (text == ".") return std::string(1, '\0');
  std::string label;
  const auto finish_label = [&wire, &label] {
    wire.push_back(static_cast<char>(label.size()));
    wire.append(label);
    label.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (byte == '.') {
      if (label.empty()) return BadName(text, "a label is empty");
      finish_label();
      continue;
    }
    if (byte == '\\') {
      if (++i == text.size()) return BadName(text, "it ends in a backslash");
      byte = text[i];
      if (byte >= '0' && byte <= '9') {
        int number = 0;
        for (int digit = 0; digit < 3; ++digit, ++i) {
          if (i >= text.size() || text[i] < '0' || text[i] > '9') {
            return BadName(text, "a \\ before a digit wants three digits");
          }
          number = number * 10 + (text[i] - '0');
        }
        --i;
        if (number > 255) return BadName(text, "\\DDD goes up to 255");
        byte = static_cast<char>(number);
      }
    }
    label.push_back(byte);
    if (label.size() > kMaxLabelBytes) {
      return BadName(text, "a label is over 63 bytes");
    }
  }
  if (!label.empty()) finish_label();
  if (wire.empty()) return BadName(text, "it is empty");
  wire.push_back('\0');
  if (wire.size() > kMaxWireNameBytes) {
    return BadName(text, "it is over 255 bytes");
  }
  return wire;
}

std::string ReversedLabels(absl::string_view labels) {
  std::vector<absl::string_view> parts;
  for (size_t i = 0; i < labels.size();) {
    const size_t size =
        1 + static_cast<size_t>(static_cast<uint8_t>(labels[i]));
    parts.push_back(labels.substr(i, size));
    i += size;
  }
  std::string reversed;
  reversed.reserve(labels.size());
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    reversed.append(part->data(), part->size());
  }
  return reversed;
}

}  // namespace rbld
