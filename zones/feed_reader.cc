#include "zones/feed_reader.h"

#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "zones/feed_formats.h"
#include "zones/line_reader.h"

namespace rbld {
namespace {

constexpr FeedFormat kFormats[] = {
    FeedFormat::kPlain,   FeedFormat::kIp4Set,  FeedFormat::kIp4Tset,
    FeedFormat::kIp4Trie, FeedFormat::kIp6Tset, FeedFormat::kIp6Trie,
    FeedFormat::kDnset,   FeedFormat::kDnhash,  FeedFormat::kJsonLines};

constexpr uint64_t kProgressStepBytes = 1 << 20;

absl::StatusOr<std::unique_ptr<FeedFormatReader>> NewReader(
    const FeedOptions& options, Import* import, FeedCounts* counts) {
  switch (options.format) {
    case FeedFormat::kPlain:
      return NewPlainReader(options, import, counts);
    case FeedFormat::kJsonLines:
      return NewJsonReader(options, import, counts);
    default:
      return NewRbldnsdReader(options, import, counts);
  }
}

}  // namespace

const char* FeedFormatName(FeedFormat format) {
  switch (format) {
    case FeedFormat::kPlain:
      return "plain";
    case FeedFormat::kIp4Set:
      return "ip4set";
    case FeedFormat::kIp4Tset:
      return "ip4tset";
    case FeedFormat::kIp4Trie:
      return "ip4trie";
    case FeedFormat::kIp6Tset:
      return "ip6tset";
    case FeedFormat::kIp6Trie:
      return "ip6trie";
    case FeedFormat::kDnset:
      return "dnset";
    case FeedFormat::kDnhash:
      return "dnhash";
    case FeedFormat::kJsonLines:
      return "jsonl";
  }
  return "";
}

absl::StatusOr<FeedFormat> ParseFeedFormat(absl::string_view name) {
  std::string known;
  for (const FeedFormat format : kFormats) {
    if (name == FeedFormatName(format)) return format;
    absl::StrAppend(&known, known.empty() ? "" : ", ", FeedFormatName(format));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(name.substr(0, 40)),
                   "\" is no format of feeds; use one of ", known));
}

Precedence PrecedenceOf(FeedFormat format) {
  return format == FeedFormat::kIp4Set ? Precedence::kOctet
                                       : Precedence::kLongest;
}

absl::StatusOr<FeedCounts> ReadFeed(ByteSource* source,
                                    const FeedOptions& options,
                                    Import* import) {
  FeedCounts counts;
  absl::StatusOr<std::unique_ptr<FeedFormatReader>> reader =
      NewReader(options, import, &counts);
  if (!reader.ok()) return reader.status();
  const size_t max_line_bytes = options.format == FeedFormat::kJsonLines
                                    ? LineReader::kMaxJsonLineBytes
                                    : LineReader::kMaxTextLineBytes;
  LineReader lines(source, max_line_bytes);
  LineReader::Line line;
  uint64_t next_progress_bytes = kProgressStepBytes;
  while (lines.Next(&line)) {
    if (line.too_long) {
      import->Reject(
          line.number, line.text,
          absl::StrCat("the line is over ", max_line_bytes, " bytes"));
      continue;
    }
    const absl::Status status = (*reader)->ReadLine(line.number, line.text);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("line ", line.number,
                                                      ": ", status.message()));
    }
    counts.lines = line.number;
    if (lines.bytes_read() >= next_progress_bytes && options.progress) {
      options.progress(lines.bytes_read());
      next_progress_bytes = lines.bytes_read() + kProgressStepBytes;
    }
  }
  if (!lines.status().ok()) return lines.status();
  counts.lines = line.number;
  const absl::Status finished = (*reader)->Finish();
  if (!finished.ok()) return finished;
  if (options.progress) options.progress(lines.bytes_read());
  return counts;
}

}  // namespace rbld
