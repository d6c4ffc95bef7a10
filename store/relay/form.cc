#include "store/relay/form.h"

#include <cstring>

#include "absl/strings/str_replace.h"

namespace rbld {
namespace {

// No sender at [127.0.0.1]: a bounce to it has made servers send mail to
// themselves without end (CVE-2000-1203).
constexpr Form kForms[] = {
    {"plain", "<{S}@{D}>", "<{T}@{D}>", false},
    {"host-sender", "<{S}@{H}>", "<{T}@{D}>", false},
    {"literal-sender", "<{S}@{I}>", "<{T}@{D}>", false},
    {"null-sender", "<>", "<{T}@{D}>", false},
    {"percent-host", "<{S}@{H}>", "<{T}%{D}@{H}>", false},
    {"source-route", "<{S}@{H}>", "<@{H}:{T}@{D}>", false},
    {"quoted-host", "<{S}@{H}>", "<\"{T}@{D}\"@{H}>", false},
    {"bang", "<{S}@{H}>", "<{D}!{T}>", true},
    {"bang-host", "<{S}@{H}>", "<{D}!{T}@{H}>", false},
    {"percent-literal", "<{S}@{H}>", "<{T}%{D}@{I}>", false},
    {"quoted", "<{S}@{H}>", "<\"{T}@{D}\">", true},
    {"quoted-percent", "<{S}@{H}>", "<\"{T}%{D}\">", true},
    {"bare-sender", "<{S}>", "<{T}@{D}>", true},
    // No server tried calls a recipient without brackets a syntax error.
    {"no-brackets", "<{S}@{D}>", "{T}@{D}", false},
    {"double-at-host", "<{S}@{H}>", "<{T}@{D}@{H}>", true},
    {"double-at-literal", "<{S}@{H}>", "<{T}@{D}@{I}>", true},
    {"quoted-literal", "<{S}@{H}>", "<\"{T}@{D}\"@{I}>", false},
    {"source-route-literal", "<{S}@{H}>", "<@{I}:{T}@{D}>", false},
    {"bang-literal", "<{S}@{H}>", "<{D}!{T}@{I}>", false},
    {"percent", "<{S}@{H}>", "<{T}%{D}>", true},
    {"localhost-sender", "<{S}@localhost>", "<{T}@{D}>", false},
    {"postmaster-sender", "<postmaster@{H}>", "<{T}@{D}>", false},
};
static_assert(sizeof(kForms) / sizeof(kForms[0]) == kFormCount);

}  // namespace

absl::Span<const Form> Forms() { return kForms; }

std::optional<FormId> FindForm(absl::string_view name) {
  for (int i = 0; i < kFormCount; ++i) {
    if (name == kForms[i].name) return static_cast<FormId>(i);
  }
  return std::nullopt;
}

std::string FillForm(const char* path, const MailNames& names) {
  return absl::StrReplaceAll(path, {{"{T}", names.token},
                                    {"{D}", names.domain},
                                    {"{H}", names.host},
                                    {"{I}", names.literal},
                                    {"{S}", names.sender}});
}

std::vector<FormId> NextSession(absl::Span<const FormId> order, int max_forms,
                                int max_malformed) {
  std::vector<FormId> session;
  int malformed = 0;
  for (const FormId form : order) {
    if (static_cast<int>(session.size()) == max_forms) break;
    if (kForms[form].malformed && malformed++ >= max_malformed) continue;
    session.push_back(form);
  }
  return session;
}

}  // namespace rbld
