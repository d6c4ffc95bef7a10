// The forms of a relay test: each one way to ask a mail server, by MAIL FROM
// and RCPT TO, to pass a message on to us.
//
// The table is data; everything that names a form uses its index or its name.
// Pure functions, any thread.
#ifndef RBLD_STORE_RELAY_FORM_H_
#define RBLD_STORE_RELAY_FORM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace rbld {

// Index into Forms(). A form's number and name stand in evidence and in tokens
// for as long as those are kept: new ones come at the end, none is used again.
using FormId = uint8_t;

struct Form {
  const char* name;       // "percent-host"
  const char* sender;     // MAIL FROM's path, as it is sent, with {…} in it:
  const char* recipient;  // {T} {D} {H} {I} {S}, see MailNames
  // A strict parser calls the recipient or the sender a syntax error: Exim
  // drops the connection after three of those (smtp_max_synprot_errors).
  bool malformed;
};

// In the order of the first test of a target.
absl::Span<const Form> Forms();
inline constexpr int kFormCount = 22;

// NotFound is nullopt.
std::optional<FormId> FindForm(absl::string_view name);

// What a form's placeholders stand for.
struct MailNames {
  std::string token;    // {T}: the recipient's token
  std::string domain;   // {D}: ours, where the catcher receives
  std::string host;     // {H}: the target's name
  std::string literal;  // {I}: the target's address literal, "[192.0.2.1]" or
                        // "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3)
  std::string sender;   // {S}: the sender's token
};

// The path with its names in it: "<percent%example.org@mx.example.com>".
std::string FillForm(const char* path, const MailNames& names);

// Which of the forms in `order` one session may ask, from the front: at most
// `max_forms`, at most `max_malformed` of them malformed. A malformed one that
// finds no room is left for a later session, the order kept.
std::vector<FormId> NextSession(absl::Span<const FormId> order, int max_forms,
                                int max_malformed);

}  // namespace rbld

#endif  // RBLD_STORE_RELAY_FORM_H_
