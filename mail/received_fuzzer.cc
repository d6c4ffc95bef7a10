// Fuzzes Received fields: the input is the values of some, newest first, parted
// by bytes 0. The word says whether they tell the relay.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/fuzz/fuzz_target.h"
#include "mail/received.h"

namespace rbld {

std::string FuzzOne(absl::string_view input) {
  std::vector<std::string> fields = absl::StrSplit(input, '\0');
  if (input.empty()) fields.clear();
  TrustedHops trusted;
  trusted.prefixes = {*ParseIpPrefix("198.51.100.0/24")};
  for (const std::string& field : fields) {
    const ReceivedHop hop = ParseReceived(field);
    FuzzCheck(!hop.from.has_value() || hop.from->IsSingleAddress());
    FuzzCheck(!absl::StrContains(hop.by, ' '));
  }
  const absl::StatusOr<IpPrefix> without = RelayOf(fields, {});
  // What the newest field tells depends on no other.
  FuzzCheck(without.ok() == (!fields.empty() &&
                             ParseReceived(fields.front()).from.has_value()));
  TrustedHops named = trusted;
  named.names = {"mx1.example", "mx2.example"};
  const absl::StatusOr<IpPrefix> by_name = RelayOf(fields, named);
  FuzzCheck(by_name.ok() || !by_name.status().message().empty());
  const absl::StatusOr<IpPrefix> relay = RelayOf(fields, trusted);
  if (!relay.ok()) {
    FuzzCheck(!relay.status().message().empty());
    return "bad";
  }
  FuzzCheck(!trusted.prefixes[0].Contains(*relay));
  return "good";
}

}  // namespace rbld
