#include "control/metrics.h"

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

// A label's value: backslash, quote and line feed are escaped.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

// A help text may not end its line.
std::string OneLine(absl::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n' || c == '\\') c = ' ';
  }
  return line;
}

class Writer {
 public:
  void Begin(absl::string_view name, absl::string_view type,
             absl::string_view help) {
    absl::StrAppend(&text_, "# HELP rbld_", name, " ", OneLine(help),
                    "\n# TYPE rbld_", name, " ", type, "\n");
  }
  void Sample(absl::string_view name, uint64_t value) {
    absl::StrAppend(&text_, "rbld_", name, " ", value, "\n");
  }
  // `labels` as in `zone="x",outcome="y"`.
  void Sample(absl::string_view name, absl::string_view labels,
              uint64_t value) {
    absl::StrAppend(&text_, "rbld_", name, "{", labels, "} ", value, "\n");
  }
  void Gauge(absl::string_view name, absl::string_view help, uint64_t value) {
    Begin(name, "gauge", help);
    Sample(name, value);
  }
  void Counter(absl::string_view name, absl::string_view help, uint64_t value) {
    Begin(name, "counter", help);
    Sample(name, value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void WriteStore(const StoreStats& store, const StoreView& view, Writer* out) {
  out->Gauge("store_sequence", "Number of the last committed batch.",
             store.sequence);
  out->Gauge("store_journal_first_sequence",
             "Oldest change that the journal still has.",
             store.journal_first_sequence);
  out->Counter("store_commits_total", "Synced batches since the start.",
               store.commits);
  out->Counter("store_changes_total", "Changes in those batches.",
               store.changes);
  out->Counter("store_expired_total", "Listings that ran out.", store.expired);
  out->Counter("store_imports_total", "Imports that changed something.",
               store.imports);
  out->Counter("store_index_files_read_total",
               "Indexes that the start read from files.",
               store.index_files_read);
  out->Counter("store_index_files_written_total",
               "Indexes written to files since the start.",
               store.index_files_written);
  out->Gauge("store_disk_bytes", "Bytes of the store on disk.",
             store.disk_bytes);
  out->Gauge("value_sets", "Different answers in the indexes.",
             store.value_sets);
  out->Begin("zone_serial", "gauge", "SOA serial.");
  for (const auto& [zone, serial] : view.zone_serials) {
    out->Sample("zone_serial", absl::StrCat("zone=", Quoted(zone)), serial);
  }
}

void WriteDatasets(const std::vector<DatasetStatus>& datasets, Writer* out) {
  // Those without a value are left out.
  const auto write = [&](absl::string_view name, absl::string_view help,
                         bool zero_is_a_value, const auto& value_of) {
    out->Begin(name, "gauge", help);
    for (const DatasetStatus& dataset : datasets) {
      const auto value = static_cast<uint64_t>(value_of(dataset));
      if (value == 0 && !zero_is_a_value) continue;
      out->Sample(name, absl::StrCat("dataset=", Quoted(dataset.name)), value);
    }
  };
  write("dataset_entries", "Entries that are served from watched files.", true,
        [](const DatasetStatus& one) { return one.entries; });
  write("dataset_left_out_lines",
        "Lines of the served data that could not be read.", true,
        [](const DatasetStatus& one) { return one.left_out_lines; });
  write("dataset_loaded_timestamp_seconds", "When the served data was loaded.",
        false, [](const DatasetStatus& one) { return one.loaded; });
  write("dataset_newest_file_timestamp_seconds",
        "When the newest file of the served data was written.", false,
        [](const DatasetStatus& one) { return one.newest_mtime; });
  write("dataset_expires_timestamp_seconds",
        "When the served data expires, if it does.", false,
        [](const DatasetStatus& one) { return one.expires; });
  write("dataset_served",
        "0 while there is no data, or it expired, and zones answer SERVFAIL.",
        true, [](const DatasetStatus& one) { return one.served() ? 1 : 0; });
  write(
      "dataset_failing", "1 while a newer version cannot be loaded.", true,
      [](const DatasetStatus& one) { return one.last_error.empty() ? 0 : 1; });
  write("dataset_failing_since_timestamp_seconds",
        "When the first of these tries failed.", false,
        [](const DatasetStatus& one) { return one.failing_since; });
}

void WriteRelay(const RelayCounts& relay, Writer* out) {
  out->Gauge("relay_sessions_running", "Sessions of relay tests under way.",
             relay.running);
  out->Counter("relay_sessions_leased_total",
               "Sessions that testers were told to make.", relay.leased);
  out->Counter("relay_sessions_finished_total",
               "Sessions whose end testers told.", relay.finished);
  out->Counter("relay_sessions_lost_total",
               "Sessions of which nobody told the end.", relay.lost);
  out->Counter("relay_proofs_total",
               "Tests that ended with a token that came back.", relay.proofs);
  out->Counter("relay_tokens_refused_total",
               "Tokens that were none, forged, too old or known already.",
               relay.refused_tokens);
}

void WriteLists(const std::vector<ListInfo>& lists, Writer* out) {
  out->Begin("list_listings", "gauge", "Listings by list and source.");
  for (const ListInfo& list : lists) {
    for (const DatasetInfo& dataset : list.datasets) {
      out->Sample("list_listings",
                  absl::StrCat("list=", Quoted(list.name),
                               ",source=", Quoted(dataset.source)),
                  dataset.listings);
    }
  }
  out->Begin("list_last_import_timestamp_seconds", "gauge",
             "When a source was imported last.");
  for (const ListInfo& list : lists) {
    for (const DatasetInfo& dataset : list.datasets) {
      if (dataset.last_import_time == 0) continue;
      out->Sample("list_last_import_timestamp_seconds",
                  absl::StrCat("list=", Quoted(list.name),
                               ",source=", Quoted(dataset.source)),
                  static_cast<uint64_t>(dataset.last_import_time));
    }
  }
  out->Begin("list_exemptions", "gauge", "Exemptions by list.");
  for (const ListInfo& list : lists) {
    out->Sample("list_exemptions", absl::StrCat("list=", Quoted(list.name)),
                list.exemptions);
  }
  out->Begin("list_index_bytes", "gauge", "Memory of the list's index.");
  for (const ListInfo& list : lists) {
    out->Sample("list_index_bytes", absl::StrCat("list=", Quoted(list.name)),
                list.index_bytes);
  }
}

}  // namespace

std::string MetricsText(const DaemonStatus& status,
                        const DaemonCounters& counters, const StoreStats& store,
                        const RelayCounts& relay, const StoreView& view,
                        const std::vector<ListInfo>& lists,
                        int64_t now_seconds) {
  Writer out;
  out.Begin("build_info", "gauge", "The version that runs.");
  out.Sample("build_info", absl::StrCat("version=", Quoted(status.version)), 1);
  out.Gauge("start_time_seconds", "When it started.",
            static_cast<uint64_t>(status.started));
  out.Gauge("uptime_seconds", "How long it has run.",
            static_cast<uint64_t>(now_seconds > status.started
                                      ? now_seconds - status.started
                                      : 0));
  out.Gauge("config_loaded_timestamp_seconds",
            "When the configuration was loaded.",
            static_cast<uint64_t>(status.config_loaded));
  out.Gauge("config_reload_failed", "1 after a reload that failed.",
            status.last_reload_error.empty() ? 0 : 1);
  out.Gauge("tcp_connections", "DNS connections that are open.",
            status.tcp_connections);
  for (const DaemonCounter& counter : counters.totals) {
    out.Counter(absl::StrCat(counter.name, "_total"), counter.help,
                counter.value);
  }
  out.Begin("zone_queries_total", "counter",
            "Queries by zone and kind of answer.");
  for (const ZoneCounters& zone : counters.zones) {
    for (const ZoneCounters::Outcome& outcome : zone.outcomes) {
      out.Sample("zone_queries_total",
                 absl::StrCat("zone=", Quoted(zone.zone),
                              ",outcome=", Quoted(outcome.name)),
                 outcome.queries);
    }
  }
  const auto labels = [](const KeyCounters& key) {
    return absl::StrCat("dataset=", Quoted(key.dataset),
                        ",key=", Quoted(key.name));
  };
  out.Begin("key_queries_total", "counter", "Queries with a key by key.");
  for (const KeyCounters& key : counters.keys) {
    out.Sample("key_queries_total", labels(key), key.queries);
  }
  out.Begin("key_over_quota_total", "counter",
            "Queries of a key that were too many, by key.");
  for (const KeyCounters& key : counters.keys) {
    out.Sample("key_over_quota_total", labels(key), key.over_quota);
  }
  WriteStore(store, view, &out);
  WriteDatasets(status.datasets, &out);
  WriteRelay(relay, &out);
  WriteLists(lists, &out);
  return out.Take();
}

}  // namespace rbld
