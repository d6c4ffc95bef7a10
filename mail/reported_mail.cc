#include "mail/reported_mail.h"

#include <gmime/gmime.h>

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rbld {
namespace {

constexpr char kWantedMail[] = "not-spam";  // RFC 6430
constexpr int kMaxReceivedFields = 200;
constexpr char kFeedbackType[] = "feedback-report";

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

void InitOnce() {
  static const bool done = [] {
    g_mime_init();
    return true;
  }();
  static_cast<void>(done);
}

Owned<GMimeMessage> Parse(absl::string_view bytes) {
  const Owned<GMimeStream> stream(
      g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  return Owned<GMimeMessage>(
      g_mime_parser_construct_message(parser.get(), nullptr));
}

std::vector<std::string> ReceivedOf(GMimeObject* object) {
  std::vector<std::string> fields;
  GMimeHeaderList* const headers = g_mime_object_get_header_list(object);
  const int count = g_mime_header_list_get_count(headers);
  for (int i = 0; i < count; ++i) {
    GMimeHeader* const header = g_mime_header_list_get_header_at(headers, i);
    if (!absl::EqualsIgnoreCase(g_mime_header_get_name(header), "Received")) {
      continue;
    }
    // The raw value: GMime's own reading of Received fields is not asked.
    const char* const value = g_mime_header_get_raw_value(header);
    if (value != nullptr) fields.emplace_back(value);
    if (fields.size() == kMaxReceivedFields) break;
  }
  return fields;
}

std::string ContentOf(GMimePart* part) {
  GMimeDataWrapper* const content = g_mime_part_get_content(part);
  if (content == nullptr) return "";
  const Owned<GMimeStream> stream(g_mime_stream_mem_new());
  if (g_mime_data_wrapper_write_to_stream(content, stream.get()) < 0) return "";
  const GByteArray* const bytes =
      g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return std::string(reinterpret_cast<const char*>(bytes->data), bytes->len);
}

// The report's fields, "Name: value", unfolded (RFC 5965 §3).
std::vector<std::pair<std::string, std::string>> ReportFields(
    const std::string& content) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    line = absl::StripTrailingAsciiWhitespace(line);
    if (line.empty()) continue;
    if (absl::ascii_isspace(line.front())) {
      if (!fields.empty())
        absl::StrAppend(&fields.back().second, " ",
                        absl::StripAsciiWhitespace(line));
      continue;
    }
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    fields.emplace_back(absl::AsciiStrToLower(field.first),
                        absl::StripAsciiWhitespace(field.second));
  }
  return fields;
}

absl::Status Bad(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the abuse report (RFC 5965) ", why));
}

absl::Status ReadFeedback(const std::string& content, ReportedMail* mail) {
  bool has_version = false;
  for (const auto& [name, value] : ReportFields(content)) {
    if (name == "feedback-type") {
      mail->feedback_type = absl::AsciiStrToLower(value);
    } else if (name == "version") {
      has_version = true;
    } else if (name == "source-ip") {
      const absl::StatusOr<IpPrefix> address = ParseIpPrefix(value);
      if (!address.ok() || !address->IsSingleAddress()) {
        return Bad(absl::StrCat("has a Source-IP that is no address: \"",
                                value.substr(0, 64), "\""));
      }
      mail->source = *address;
    }
  }
  if (mail->feedback_type.empty()) return Bad("has no Feedback-Type");
  if (!has_version) return Bad("has no Version");
  return absl::OkStatus();
}

absl::Status ReadArf(GMimeMultipart* report, ReportedMail* mail) {
  bool has_feedback = false;
  const int count = g_mime_multipart_get_count(report);
  for (int i = 0; i < count; ++i) {
    GMimeObject* const part = g_mime_multipart_get_part(report, i);
    GMimeContentType* const type = g_mime_object_get_content_type(part);
    if (g_mime_content_type_is_type(type, "message", kFeedbackType) &&
        GMIME_IS_PART(part) && !has_feedback) {
      has_feedback = true;
      const absl::Status status =
          ReadFeedback(ContentOf(GMIME_PART(part)), mail);
      if (!status.ok()) return status;
    } else if (GMIME_IS_MESSAGE_PART(part)) {
      GMimeMessage* const inner =
          g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
      if (inner != nullptr) mail->received = ReceivedOf(GMIME_OBJECT(inner));
    } else if (g_mime_content_type_is_type(type, "text", "rfc822-headers") &&
               GMIME_IS_PART(part)) {
      const Owned<GMimeMessage> inner =
          Parse(ContentOf(GMIME_PART(part)) + "\r\n\r\n");
      if (inner != nullptr) {
        mail->received = ReceivedOf(GMIME_OBJECT(inner.get()));
      }
    }
  }
  if (!has_feedback) return Bad("has no message/feedback-report part");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReportedMail> ReadReportedMail(absl::string_view bytes) {
  if (bytes.size() > kMaxReportedMailBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the mail is longer than ", kMaxReportedMailBytes,
                     " bytes; its header is enough"));
  }
  InitOnce();
  const Owned<GMimeMessage> message = Parse(bytes);
  if (message == nullptr) {
    return absl::InvalidArgumentError(
        "this is no mail; give it as it was received, with all of its header");
  }
  ReportedMail mail;
  GMimeObject* const body = g_mime_message_get_mime_part(message.get());
  if (body != nullptr && GMIME_IS_MULTIPART(body)) {
    GMimeContentType* const type = g_mime_object_get_content_type(body);
    const char* const kind =
        g_mime_content_type_get_parameter(type, "report-type");
    mail.is_arf = g_mime_content_type_is_type(type, "multipart", "report") &&
                  kind != nullptr &&
                  absl::EqualsIgnoreCase(kind, kFeedbackType);
  }
  if (!mail.is_arf) {
    mail.received = ReceivedOf(GMIME_OBJECT(message.get()));
    return mail;
  }
  const absl::Status status = ReadArf(GMIME_MULTIPART(body), &mail);
  if (!status.ok()) return status;
  return mail;
}

absl::StatusOr<IpPrefix> ReportedRelay(const ReportedMail& mail,
                                       const TrustedHops& trusted) {
  if (mail.feedback_type == kWantedMail) {
    return Bad(absl::StrCat("is of the type ", kWantedMail,
                            ": the mail was wanted, so there is nothing to "
                            "test"));
  }
  if (trusted.names.empty() && trusted.prefixes.empty() &&
      mail.source.has_value()) {
    return *mail.source;
  }
  return RelayOf(mail.received, trusted);
}

}  // namespace rbld
