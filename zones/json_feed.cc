// JSON Lines feeds.
#include <utility>

#include "absl/strings/str_cat.h"
#include "zones/feed_formats.h"
#include "zones/json_lines.h"

namespace rbld {
namespace {

class JsonReader : public FeedFormatReader {
 public:
  JsonReader(const FeedOptions& options, Import* import, FeedCounts* counts)
      : options_(options), import_(import), counts_(counts) {}

  absl::Status ReadLine(uint64_t number, absl::string_view text) override {
    if (SkipBlanks(text).empty()) return absl::OkStatus();
    absl::Status status;
    absl::StatusOr<JsonEntry> entry = ParseJsonLine(text);
    if (!entry.ok()) {
      status = entry.status();
    } else if (OtherSource(*entry)) {
      ++counts_->other_source;
      return absl::OkStatus();
    } else {
      std::string warning;
      status = CheckName(*entry, &warning);
      if (status.ok()) status = Add(*std::move(entry));
      if (status.ok() && !warning.empty()) {
        import_->Warn(number, text, warning);
      }
    }
    if (status.ok()) {
      ++counts_->entries;
    } else {
      import_->Reject(number, text, status.message());
    }
    return absl::OkStatus();
  }

 private:
  // A dataset holds what its own source says; an exemption of the whole list
  // belongs to no dataset.
  bool OtherSource(const JsonEntry& entry) const {
    if (entry.whole_list) return true;
    return !entry.source.empty() && !options_.source.empty() &&
           entry.source != options_.source;
  }

  // Dumps of earlier versions have names that nobody could list today.
  absl::Status CheckName(const JsonEntry& entry, std::string* warning) const {
    if (!entry.ascii.empty()) {
      *warning = absl::StrCat(entry.exemption ? "exempted as " : "listed as ",
                              entry.ascii);
    }
    const absl::Status status =
        CheckListable(entry.target, import_->policy().names);
    const bool is_of_a_dump =
        !entry.source.empty() && entry.details.created != 0;
    if (status.ok() || !is_of_a_dump) return status;
    *warning = absl::StrCat(status.message(),
                            "; listed all the same, since it is of a dump");
    return absl::OkStatus();
  }

  absl::Status Add(JsonEntry entry) {
    if (entry.exemption) {
      return import_->AddExemption(entry.target, std::move(entry.details));
    }
    const absl::StatusOr<Import::ValuesNumber> values =
        import_->InternValues(entry.values.empty() ? options_.default_values
                                                   : std::move(entry.values));
    if (!values.ok()) return values.status();
    return import_->AddListing(entry.target, *values, std::move(entry.details));
  }

  const FeedOptions& options_;
  Import* const import_;
  FeedCounts* const counts_;
};

}  // namespace

std::unique_ptr<FeedFormatReader> NewJsonReader(const FeedOptions& options,
                                                Import* import,
                                                FeedCounts* counts) {
  return std::make_unique<JsonReader>(options, import, counts);
}

}  // namespace rbld
