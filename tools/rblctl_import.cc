// import: feeds from files and standard input.
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/rblctl_context.h"
#include "tools/stream_source.h"
#include "tools/table.h"
#include "zones/byte_source.h"
#include "zones/feed_reader.h"

namespace rbld {
namespace {

constexpr size_t kPeekBytes = 4096;
constexpr size_t kLinesShown = 20;

std::string BaseName(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// "ipsum" for "/srv/feeds/ipsum.txt.gz".
std::string SourceOf(const std::string& path) {
  const std::string base = BaseName(path);
  return base.substr(0, base.find('.', 1));
}

// By the extensions of the name, the last one that says something; "" if none.
std::string FormatByName(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(BaseName(path), '.');
  for (size_t i = parts.size(); i-- > 1;) {
    if (parts[i] == "ndjson" || parts[i] == "jsonl") return "jsonl";
    if (const auto format = ParseFeedFormat(parts[i]); format.ok()) {
      return FeedFormatName(*format);
    }
  }
  return "";
}

// By what stands at the beginning.
absl::StatusOr<std::string> FormatByContent(absl::string_view beginning) {
  for (absl::string_view line : absl::StrSplit(beginning, '\n')) {
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t' ||
                             line.front() == '\r')) {
      line.remove_prefix(1);
    }
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '{') return std::string("jsonl");
    if (line.front() == ':' || line.front() == '$' || line.front() == '!') {
      return absl::InvalidArgumentError(
          "looks like a data file of rbldnsd; say which with --format ip4set, "
          "ip4tset, ip4trie, ip6tset, ip6trie or dnset; of a zone file, such "
          "as an RPZ, or of an ad blocker's list give the names alone, one a "
          "line");
    }
    break;
  }
  return std::string("plain");
}

// Gives back what was looked at, then the rest; counts for the progress bar.
class CountingSource : public ByteSource {
 public:
  CountingSource(std::string beginning, std::unique_ptr<ByteSource> rest,
                 std::function<void(uint64_t)> on_bytes)
      : beginning_(std::move(beginning)),
        rest_(std::move(rest)),
        on_bytes_(std::move(on_bytes)) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    size_t count = 0;
    if (!beginning_.empty()) {
      count = std::min(size, beginning_.size());
      memcpy(buffer, beginning_.data(), count);
      beginning_.erase(0, count);
    } else {
      const absl::StatusOr<size_t> got = rest_->Read(buffer, size);
      failed_ = !got.ok();
      if (failed_) return got;
      count = *got;
    }
    total_bytes_ += count;
    on_bytes_(total_bytes_);
    return count;
  }

  // Whether reading `rest` failed; the server then imported nothing.
  bool failed() const { return failed_; }

 private:
  std::string beginning_;
  const std::unique_ptr<ByteSource> rest_;
  const std::function<void(uint64_t)> on_bytes_;
  uint64_t total_bytes_ = 0;
  bool failed_ = false;
};

absl::StatusOr<std::string> ReadUpTo(ByteSource* source, size_t size) {
  std::string bytes(size, '\0');
  size_t filled = 0;
  while (filled < size) {
    const absl::StatusOr<size_t> got =
        source->Read(bytes.data() + filled, size - filled);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    filled += *got;
  }
  bytes.resize(filled);
  return bytes;
}

bool IsPacked(absl::string_view beginning) {
  return absl::StartsWith(beginning, "\x1f\x8b") ||
         absl::StartsWith(beginning, "\x28\xb5\x2f\xfd");
}

struct Feed {
  std::string name;    // for people
  std::string source;  // whose listings
  std::string format;
  std::string beginning;
  std::unique_ptr<ByteSource> bytes;
  uint64_t size = 0;  // 0: unknown
};

absl::StatusOr<Feed> OpenFeed(const RblctlContext& context,
                              const std::string& path) {
  Feed feed;
  const bool standard_input = path == "-";
  feed.name = standard_input ? "-" : path;
  feed.source =
      context.command().Get("source", standard_input ? "" : SourceOf(path));
  if (feed.source.empty()) {
    return absl::InvalidArgumentError(
        "name the feed that comes on standard input: --source NAME");
  }
  if (standard_input) {
    feed.bytes = std::make_unique<StreamSource>(context.streams().in);
  } else {
    absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenFileSource(path);
    if (!file.ok()) return file.status();
    feed.bytes = *std::move(file);
    struct stat info;
    if (stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      feed.size = static_cast<uint64_t>(info.st_size);
    }
  }
  absl::StatusOr<std::string> beginning =
      ReadUpTo(feed.bytes.get(), kPeekBytes);
  if (!beginning.ok()) return beginning.status();
  feed.beginning = *std::move(beginning);
  feed.format = context.command().Get("format", FormatByName(path));
  if (!feed.format.empty()) return feed;
  std::string text = feed.beginning;
  if (IsPacked(text)) {
    // What of it can be unpacked; the rest is missing here on purpose.
    std::unique_ptr<ByteSource> unpacked = Decompress(StringSource(text));
    const absl::StatusOr<std::string> start = ReadUpTo(unpacked.get(), 512);
    text = start.ok() ? *start : "";
  }
  absl::StatusOr<std::string> format = FormatByContent(text);
  if (!format.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(feed.name, ": ", format.status().message()));
  }
  feed.format = *std::move(format);
  return feed;
}

// The daemon would have to read the whole file before it could refuse a list
// that is not there.
ClientRequest RequestFor(const RblctlContext& context, const Feed& feed) {
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/imports";
  request.query = {{"source", feed.source},
                   {"format", feed.format},
                   {"file", BaseName(feed.name)}};
  for (const auto& [option, parameter] :
       {std::pair<const char*, const char*>("list", "list"),
        {"code", "code"},
        {"reason", "reason"},
        {"expires", "expires"},
        {"max-shrink", "max_shrink"},
        {"max-grow", "max_grow"},
        {"why", "why"},
        {"actor", "actor"}}) {
    context.AddQuery(option, parameter, &request);
  }
  for (const auto& [option, parameter] :
       {std::pair<const char*, const char*>("force", "force"),
        {"strict", "strict"},
        {"dry-run", "dry_run"}}) {
    if (context.command().Has(option)) {
      request.query.emplace_back(parameter, "true");
    }
  }
  return request;
}

// False: refused or failed.
bool ImportOne(const RblctlContext& context, const std::string& path,
               Json* summary, int* exit_code) {
  absl::StatusOr<Feed> feed = OpenFeed(context, path);
  if (!feed.ok()) {
    *exit_code = context.Fail(kExitUsage, feed.status().message());
    return false;
  }
  ProgressBar bar(context.shows_progress(), BaseName(feed->name));
  CountingSource source(std::move(feed->beginning), std::move(feed->bytes),
                        [&bar, size = feed->size](uint64_t done) {
                          bar.Update(size == 0
                                         ? -1
                                         : static_cast<double>(done) /
                                               static_cast<double>(size) / 2,
                                     Bytes(done));
                        });
  ClientRequest request = RequestFor(context, *feed);
  request.body_source = &source;
  if (!context.CallWithProgress(
          request, [&bar](double part) { bar.Update(0.5 + part / 2); }, summary,
          exit_code)) {
    if (source.failed()) *exit_code = kExitRefused;
    return false;
  }
  (*summary)["file"] = feed->name;
  return true;
}

// `count` and `lines` are members of the summary; `were` says what was done
// with these lines.
void PrintLines(const RblctlContext& context, const Json& summary,
                const char* count, const char* lines_key,
                absl::string_view were) {
  const Json& lines = summary[lines_key];
  if (lines.empty()) return;
  const uint64_t all = NumberOf(summary, count);
  context.out() << "\n"
                << Printable(TextOf(summary, "file")) << ": " << Grouped(all)
                << (all == 1 ? " line was " : " lines were ") << were << "\n";
  Table table({">line", "text", "why"});
  for (size_t i = 0; i < lines.size() && i < kLinesShown; ++i) {
    table.Add({absl::StrCat(NumberOf(lines[i], "line")),
               Shorten(TextOf(lines[i], "text"), 40), TextOf(lines[i], "why")});
  }
  context.out() << table.Text(context.colours(), "  ");
  if (all > kLinesShown) {
    context.out() << "  … (--json shows up to 1,000 of them)\n";
  }
}

}  // namespace

int RunImportVerb(const RblctlContext& context) {
  const std::vector<std::string>& files = context.command().arguments;
  if (files.size() > 1 && context.command().Has("source")) {
    return context.Fail(kExitUsage,
                        "--source with several files would make each replace "
                        "the one before; import them one by one");
  }
  std::vector<Json> summaries;
  int worst = kExitDone;
  for (const std::string& file : files) {
    Json summary;
    int exit_code = kExitDone;
    if (ImportOne(context, file, &summary, &exit_code)) {
      summaries.push_back(std::move(summary));
    } else {
      worst = std::max(worst, exit_code);
      if (exit_code == kExitNoDaemon) break;
    }
  }
  const bool dry_run = context.command().Has("dry-run");
  if (context.json()) {
    for (const Json& summary : summaries) {
      context.out() << JsonText(summary) << "\n";
    }
  } else if (!summaries.empty()) {
    Table table({"file", "list", "source", ">added", ">removed", ">changed",
                 ">unchanged", ">duplicates", ">rejected", ">sequence"});
    for (const Json& summary : summaries) {
      std::vector<std::string> cells = {BaseName(TextOf(summary, "file")),
                                        TextOf(summary, "list"),
                                        TextOf(summary, "source")};
      for (const char* key : {"added", "removed", "changed", "unchanged",
                              "duplicates", "rejected"}) {
        cells.push_back(Grouped(NumberOf(summary, key)));
      }
      cells.push_back(absl::StrCat(NumberOf(summary, "sequence")));
      table.Add(std::move(cells));
    }
    context.out() << table.Text(context.colours());
    if (dry_run) context.out() << "Dry run: nothing was changed.\n";
    for (const Json& summary : summaries) {
      PrintLines(context, summary, "rejected", "rejected_lines", "rejected");
      PrintLines(context, summary, "warned", "warned_lines",
                 "taken with a warning");
      PrintNotes(context, summary);
    }
  }
  // Some files were taken and some were not: a part was done.
  if (worst != kExitDone && !summaries.empty() && !dry_run) return kExitUnknown;
  return worst;
}

}  // namespace rbld
