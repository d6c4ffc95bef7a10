// Fuzzes what is handed in to report a relay. The word says what it is.
#include <string>

#include "base/fuzz/fuzz_target.h"
#include "mail/received.h"
#include "mail/reported_mail.h"

namespace rbld {

std::string FuzzOne(absl::string_view input) {
  const absl::StatusOr<ReportedMail> mail = ReadReportedMail(input);
  if (!mail.ok()) {
    FuzzCheck(!mail.status().message().empty());
    return "bad";
  }
  FuzzCheck(mail->is_arf == !mail->feedback_type.empty());
  FuzzCheck(mail->is_arf || !mail->source.has_value());
  FuzzCheck(!mail->source.has_value() || mail->source->IsSingleAddress());
  TrustedHops trusted;
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<IpPrefix> relay = ReportedRelay(*mail, trusted);
    FuzzCheck(relay.ok() ? relay->IsSingleAddress()
                         : !relay.status().message().empty());
    trusted.names = {"mx1.example"};
  }
  return mail->is_arf ? "arf" : "mail";
}

}  // namespace rbld
