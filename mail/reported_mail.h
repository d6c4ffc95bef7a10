// ReportedMail: what somebody hands in to report a relay: a mail as it was
// received, or a report in the abuse reporting format (ARF, RFC 5965) with one
// inside.
//
// Pure functions, any thread.
#ifndef RBLD_MAIL_REPORTED_MAIL_H_
#define RBLD_MAIL_REPORTED_MAIL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "mail/received.h"

namespace rbld {

inline constexpr size_t kMaxReportedMailBytes = size_t{8} << 20;

struct ReportedMail {
  bool is_arf = false;
  // ARF only: "abuse", "fraud", …, lower case; and Source-IP, the address that
  // the reporter got the mail from (RFC 5965 §3.2).
  std::string feedback_type;
  std::optional<IpPrefix> source;
  // The values of the Received fields of the mail itself, newest first.
  std::vector<std::string> received;
};

// InvalidArgument if it is no mail, or an ARF report that RFC 5965 does not
// allow; the message says what is missing.
absl::StatusOr<ReportedMail> ReadReportedMail(absl::string_view bytes);

// The relay that the mail is about: by its Received fields, as RelayOf; of an
// ARF report without trusted hops, its Source-IP. InvalidArgument with the
// field, or if the report says that the mail was wanted ("not-spam", RFC 6430).
absl::StatusOr<IpPrefix> ReportedRelay(const ReportedMail& mail,
                                       const TrustedHops& trusted);

}  // namespace rbld

#endif  // RBLD_MAIL_REPORTED_MAIL_H_
