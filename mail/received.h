// Received fields (RFC 5321 §4.4): which address handed a mail to a host that
// one trusts. Everything below the first hop that is not trusted may be
// invented, and everything that the other side says of itself, too.
//
// Pure functions, any thread.
#ifndef RBLD_MAIL_RECEIVED_H_
#define RBLD_MAIL_RECEIVED_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"

namespace rbld {

struct ReceivedHop {
  std::optional<IpPrefix> from;  // who connected, as the receiver saw it
  std::string by;                // the receiver's name, lower case; or ""
};

// Reads a field's value, folded or not, as Postfix, Exim, sendmail, qmail and
// Exchange write it. What the other side said (HELO, ident) is never taken for
// its address.
ReceivedHop ParseReceived(absl::string_view value);

// Whom one trusts: hosts by the name that they put after "by", and their
// addresses.
struct TrustedHops {
  std::vector<std::string> names;  // lower case
  std::vector<IpPrefix> prefixes;
};

// The address that gave the mail to the last trusted hop. `fields` are the
// values of the Received fields, newest first. Without names the newest field
// alone is trusted. Errors say which field ended the search, and what could be
// named to go on.
absl::StatusOr<IpPrefix> RelayOf(const std::vector<std::string>& fields,
                                 const TrustedHops& trusted);

}  // namespace rbld

#endif  // RBLD_MAIL_RECEIVED_H_
