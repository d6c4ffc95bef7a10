#include "zones/config_reference.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "zones/config_settings.h"

namespace rbld {
namespace {

constexpr char kIntroduction[] =
    R"(# Settings of rbld.toml

`rbld --check_config --config rbld.toml` checks a file and ends; a mistake is
named with its file, line, column and key. The file is [TOML](https://toml.io).
A duration is a number of seconds or text such as `"90s"`, `"1h30m"`, `"30d"`,
`"2w"`. A relative path is taken from the folder of the file. This page is made
from the program's own table of settings.

)";

template <typename T>
void AppendTable(absl::string_view title, absl::string_view about,
                 const std::vector<Setting<T>>& settings, std::string* out) {
  absl::StrAppend(out, "## ", title, "\n\n", about,
                  "\n\n| key | type | default | what it sets |\n"
                  "|---|---|---|---|\n");
  for (const Setting<T>& setting : settings) {
    const SettingText& text = setting.text;
    std::string fallback = "—";
    if (text.required) {
      fallback = "must be given";
    } else if (text.fallback[0] != '\0') {
      fallback = absl::StrCat("`", text.fallback, "`");
    }
    absl::StrAppend(out, "| `", text.key, "` | ", text.type, " | ", fallback,
                    " | ", absl::StrReplaceAll(text.help, {{"|", "\\|"}}),
                    " |\n");
  }
  absl::StrAppend(out, "\n");
}

template <typename T>
void AppendDefaults(const std::vector<Setting<T>>& settings, std::string* out) {
  for (const Setting<T>& setting : settings) {
    const SettingText& text = setting.text;
    // `values` stands instead of the keys beside it.
    if (text.fallback[0] == '\0' || absl::string_view(text.key) == "values" ||
        absl::string_view(text.key) == "lists") {
      continue;
    }
    absl::StrAppend(out, text.key, " = ", text.fallback, "\n");
  }
}

}  // namespace

std::string ConfigReference() {
  std::string out = kIntroduction;
  AppendTable("The file", "Its tables.", FileSettings(), &out);
  AppendTable("[store]", "Where the data is kept.", StoreSettings(), &out);
  AppendTable("[server]", "The DNS side.", ServerSettings(), &out);
  AppendTable("[control]",
              "The control API: one socket for each role, as the role comes "
              "from the socket and its file mode.",
              ControlSettings(), &out);
  AppendTable("[[list]]", "One for each list.", ListSettings(), &out);
  AppendTable("[[list]] values", "Each element of `values`.", ValueSettings(),
              &out);
  AppendTable("[[zone]]",
              "One for each zone. Beside these keys a zone always answers the "
              "test entries of its kind.",
              ZoneSettings(), &out);
  AppendTable("[[zone]] soa", "The keys of `soa`.", SoaSettings(), &out);
  AppendTable("[[zone]] lists", "The keys of a table in `lists`.",
              ListUseSettings(), &out);
  AppendTable("[[zone]] refused, over_quota, wrong_kind, mistyped",
              "What a client is told with a code. Careless clients take every "
              "code for a listing; REFUSED is the safe answer.",
              RefusalSettings(), &out);
  AppendTable("[[zone.subzone]]", "One for each subzone.", SubzoneSettings(),
              &out);
  AppendTable("[[zone.access]]", "One for each set of clients.",
              AccessSettings(), &out);
  AppendTable("[files]", "How data files are watched.", FilesSettings(), &out);
  AppendTable("[[dataset]]",
              "One for each set of data files in rbldnsd's formats. They are "
              "served as they are, beside what the store holds of the same "
              "lists; a version that cannot be loaded leaves the last good one "
              "in place.",
              DatasetSettings(), &out);
  AppendTable("[[dump]]", "One for each folder of files that mirrors pull.",
              DumpSettings(), &out);
  AppendTable("[relay]",
              "Tests of addresses that were reported as open relays: whom they "
              "list, what the tested are told, and the schedule.",
              RelayTestSettings(), &out);
  out.pop_back();
  return out;
}

std::string ConfigOfDefaults() {
  std::string out = "[store]\ndirectory = \"store\"\n";
  AppendDefaults(StoreSettings(), &out);
  absl::StrAppend(&out, "[server]\nlisten = [\"127.0.0.1:53\"]\n");
  AppendDefaults(ServerSettings(), &out);
  absl::StrAppend(&out, "[control]\n");
  AppendDefaults(ControlSettings(), &out);
  absl::StrAppend(&out, "[[list]]\nname = \"relays\"\n");
  AppendDefaults(ListSettings(), &out);
  absl::StrAppend(&out,
                  "[[zone]]\nname = \"relays.example.org\"\nlists = "
                  "[\"relays\"]\nns = [\"ns1.example.org\"]\n");
  AppendDefaults(ZoneSettings(), &out);
  // No zone publishes it: a dataset makes a zone's answers other ones.
  absl::StrAppend(&out, "[[list]]\nname = \"watched\"\n[files]\n");
  AppendDefaults(FilesSettings(), &out);
  absl::StrAppend(&out,
                  "[[dataset]]\nname = \"feed\"\ntype = \"ip4set\"\nfiles = "
                  "[\"feed\"]\nlists = [\"watched\"]\n");
  AppendDefaults(DatasetSettings(), &out);
  absl::StrAppend(&out,
                  "[[dump]]\nzone = \"relays.example.org\"\ndirectory = "
                  "\"dump\"\nformats = [\"jsonl\"]\n");
  AppendDefaults(DumpSettings(), &out);
  absl::StrAppend(&out,
                  "[relay]\nlist = \"relays\"\ndomain = "
                  "\"relay.example.org\"\n");
  AppendDefaults(RelayTestSettings(), &out);
  return out;
}

}  // namespace rbld
