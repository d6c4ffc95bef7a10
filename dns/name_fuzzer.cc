// Fuzzes the readers of names. The first byte chooses: a name as text, wire
// bytes as a name and a message that holds one, or labels as an address. The
// word says which, or "bad" for what is no name.
#include <cstdint>
#include <string>

#include "base/fuzz/fuzz_target.h"
#include "dns/name.h"
#include "dns/reversed_name.h"

namespace rbld {
namespace {

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

void CheckName(absl::string_view wire) {
  FuzzCheck(wire.size() <= size_t{kMaxWireNameBytes});
  FuzzCheck(WireNameBytes(Bytes(wire), wire.size()) ==
            static_cast<int>(wire.size()));
  FuzzCheck(LabelCount(wire) <= kMaxLabels);
  FuzzCheck(NamesEqual(wire, wire) && NameEndsIn(wire, wire));
  // Its text is read as the same name.
  const absl::StatusOr<std::string> again = NameFromText(NameToText(wire));
  FuzzCheck(again.ok() && *again == wire);
  const absl::string_view labels = wire.substr(0, wire.size() - 1);
  FuzzCheck(ReversedLabels(ReversedLabels(labels)) == labels);
  if (labels.empty()) return;
  // It ends in the name above it, and that one does not end in it.
  const absl::string_view above =
      wire.substr(1 + static_cast<size_t>(static_cast<uint8_t>(wire[0])));
  FuzzCheck(NameEndsIn(wire, above) && !NameEndsIn(above, wire));
}

std::string FuzzText(absl::string_view text) {
  const absl::StatusOr<std::string> wire = NameFromText(text);
  if (!wire.ok()) return "bad";
  CheckName(*wire);
  return "text";
}

std::string FuzzWire(absl::string_view message) {
  for (size_t at = 0; at <= message.size() && at < 64; ++at) {
    const int bytes = SkipName(Bytes(message), message.size(), at);
    FuzzCheck(bytes >= 0 && at + static_cast<size_t>(bytes) <= message.size());
  }
  const int bytes = WireNameBytes(Bytes(message), message.size());
  if (bytes == 0) return "bad";
  CheckName(message.substr(0, static_cast<size_t>(bytes)));
  return "wire";
}

std::string FuzzAddress(absl::string_view wire) {
  const int bytes = WireNameBytes(Bytes(wire), wire.size());
  if (bytes == 0) return "bad";
  uint8_t name[kNameBufferBytes];
  LowerCaseName(Bytes(wire), bytes, name);
  uint8_t label_offsets[kMaxLabels + 1];
  int labels = 0;
  int at = 0;
  for (; name[at] != 0; at += 1 + name[at]) {
    label_offsets[labels++] = static_cast<uint8_t>(at);
  }
  label_offsets[labels] = static_cast<uint8_t>(at);
  ReversedAddress address;
  ReadReversedAddress(name, label_offsets, labels, &address);
  char reversed[256];
  FuzzCheck(WriteReversedLabels(name, label_offsets, labels, reversed) == at);
  char text[kMaxAddressTextBytes];
  if (address.ipv4_octets > 0) {
    FuzzCheck(address.ipv4_octets == labels && labels <= 4);
    FuzzCheck(address.ipv4_first <= address.ipv4_last);
    const int size = WriteIpv4Text(address.ipv4_first, text);
    FuzzCheck(size >= 7 && size <= 15);
    if (labels == 4) {
      // One address has one name.
      const absl::StatusOr<std::string> forward =
          NameFromText(absl::string_view(text, static_cast<size_t>(size)));
      FuzzCheck(forward.ok() &&
                absl::string_view(reversed, static_cast<size_t>(at)) ==
                    absl::string_view(*forward).substr(0, forward->size() - 1));
      FuzzCheck(address.ipv4_first == address.ipv4_last);
    }
  }
  if (address.ipv6_nibbles > 0) {
    FuzzCheck(address.ipv6_nibbles == labels && labels <= 32);
    FuzzCheck(address.ipv6_first <= address.ipv6_last);
    FuzzCheck(WriteIpv6Text(address.ipv6_first, text) >= 2);
  }
  return address.ipv4_octets > 0 || address.ipv6_nibbles > 0 ? "address"
                                                             : "other";
}

}  // namespace

std::string FuzzOne(absl::string_view input) {
  if (input.empty()) return "bad";
  switch (input[0]) {
    case 't':
      return FuzzText(input.substr(1));
    case 'w':
      return FuzzWire(input.substr(1));
    default:
      return FuzzAddress(input.substr(1));
  }
}

}  // namespace rbld
