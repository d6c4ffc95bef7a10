// Wire names (RFC 1035 §3.1): a run of labels, each a length byte of 1 to 63
// and that many bytes, ended by the root's 0 byte; 255 bytes at most.
//
// Pure functions: any thread may call any of them. None allocates but those
// that return a std::string.
#ifndef RBLD_DNS_NAME_H_
#define RBLD_DNS_NAME_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rbld {

inline constexpr int kMaxWireNameBytes = 255;  // RFC 1035 §2.3.4
inline constexpr int kMaxLabelBytes = 63;      // RFC 1035 §2.3.4
// 127 labels of one byte and the root make 255 bytes.
inline constexpr int kMaxLabels = 127;

// A buffer for LowerCaseName, with some slack, which it may write to behind a
// short name, and which others may read behind any.
inline constexpr int kNameBufferBytes = 264;
inline constexpr int kNameSlackBytes = kNameBufferBytes - kMaxWireNameBytes;

// The size, with the root's byte, of the uncompressed name at the front of
// `bytes`; 0 when there is none: cut short, over 255 bytes, or a label type
// other than 00 (pointers too).
int WireNameBytes(const uint8_t* bytes, size_t size);

// The size of what stands in a message at `offset` for a name that may end in
// a compression pointer (RFC 1035 §4.1.4); 0 when it is malformed: a label type
// of 01 or 10, cut short, over 255 bytes, or a pointer that does not point
// back. Never follows the pointer, so no loop can hold it (RFC 9267 §2).
int SkipName(const uint8_t* message, size_t size, size_t offset);

// The same, following pointers: `*name` becomes the whole name, without them.
// Each pointer must point to before the part of the name that it ends, so this
// always comes to an end.
int ExpandName(const uint8_t* message, size_t size, size_t offset,
               std::string* name);

// 16 bytes that are computed with at once.
using Bytes16 = signed char __attribute__((vector_size(16)));

// Lowers the ASCII letters among 16 bytes (RFC 4343 §3). `from` and `to` may be
// the same.
inline void LowerCase16(const uint8_t* from, uint8_t* to) {
  Bytes16 bytes;
  memcpy(&bytes, from, sizeof(bytes));
  // Bytes above 127 are negative here, and so no letters.
  const Bytes16 is_upper =
      static_cast<Bytes16>(bytes >= 'A') & static_cast<Bytes16>(bytes <= 'Z');
  bytes |= is_upper & 0x20;
  memcpy(to, &bytes, sizeof(bytes));
}

// Copies the name of `name_bytes` bytes to `out` (kNameBufferBytes of it) with
// ASCII letters lowered (RFC 4343 §3). Length bytes are below 'A' and so pass
// unchanged.
inline void LowerCaseName(const uint8_t* name, int name_bytes, uint8_t* out) {
  constexpr int kStep = sizeof(Bytes16);
  if (name_bytes < kStep) {
    memcpy(out, name, static_cast<size_t>(name_bytes));
    LowerCase16(out, out);
    return;
  }
  const int last = name_bytes - kStep;
  for (int i = 0; i < last; i += kStep) LowerCase16(name + i, out + i);
  // It may do some bytes again, but reads none behind the name.
  LowerCase16(name + last, out + last);
}

// Are two wire names the same but for the case of ASCII letters?
bool NamesEqual(absl::string_view a, absl::string_view b);

// Does `name` end in `suffix`, on a label's edge, in any case? Both with the
// root's byte, both valid. A name ends in itself.
bool NameEndsIn(absl::string_view name, absl::string_view suffix);

// How many labels a valid wire name has, the root not counted.
int LabelCount(absl::string_view name);

// "a.example.com." as RFC 1035 §5.1 writes it: dots and backslashes inside
// labels as \. and \\, bytes that are not printable as \DDD; "." for the root.
std::string NameToText(absl::string_view name);

// Room for the text of any name's labels: each byte as \DDD.
inline constexpr int kMaxNameTextBytes = 4 * kMaxWireNameBytes;

// The labels of `name_bytes` bytes (whole labels, no root needed) joined by
// dots, escaped as above, without a final dot. Returns the bytes written;
// `out` has room for kMaxNameTextBytes. `zone_file_signs`: what means something
// in zone files has a backslash, too: \" \; \@ \$.
int WriteLabelsText(const uint8_t* labels, int labels_bytes, char* out,
                    bool zone_file_signs = false);

// Reads what NameToText writes; the final dot may be left out. Case is kept.
absl::StatusOr<std::string> NameFromText(absl::string_view text);

// "\7example\3com" for "\3com\7example" and back: whole labels, no root byte.
std::string ReversedLabels(absl::string_view labels);

}  // namespace rbld

#endif  // RBLD_DNS_NAME_H_
