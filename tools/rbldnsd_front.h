// The command line of rbldnsd, translated into a configuration of rbld.
//
// Pure but for the names that it resolves; used by one thread.
#ifndef RBLD_TOOLS_RBLDNSD_FRONT_H_
#define RBLD_TOOLS_RBLDNSD_FRONT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "zones/rbldnsd/file_dataset.h"

namespace rbld {

// One "zone:type:file,file…". The zone is empty for an access list of all.
struct FrontZoneSpec {
  std::string zone;
  DatasetType type = DatasetType::kIp4Set;
  std::vector<std::string> files;
};

struct FrontOptions {
  bool help = false;
  std::string user;        // -u; "rbldns" when root gives none
  std::string root;        // -r
  std::string work;        // -w
  std::string pid_file;    // -p
  std::string stats_file;  // -s, without its '+'
  bool stats_deltas = false;
  std::string log_file;            // -l
  std::vector<std::string> binds;  // -b, as given
  int family = 0;                  // AF_INET for -4, AF_INET6 for -6, or 0
  TtlLimits ttl;                   // -t
  int64_t check_seconds = 60;      // -c
  bool host_bits = false;          // -e
  bool quick = false;              // -q
  bool foreground = false;         // -n
  bool dump = false;               // -d
  bool decompress = true;          // not -C
  bool ns_in_answers = true;       // not -a
  int hide_version = 0;            // how many -v
  std::vector<FrontZoneSpec> zones;
  // What was given and does nothing here, for a warning.
  std::vector<std::string> ignored;
};

// `arguments` without the program's name, read by getopt(3), which takes
// options behind zones, too, unless POSIXLY_CORRECT is set. With `has_sockets`,
// of the service manager, no -b is needed. InvalidArgument says what is wrong.
absl::StatusOr<FrontOptions> ParseFrontArguments(
    const std::vector<std::string>& arguments, bool has_sockets = false);

// "ADDRESS/PORT", ready for rbld's configuration: "127.0.0.1:53".
absl::StatusOr<std::vector<std::string>> ResolveBind(absl::string_view bind,
                                                     int family);

// rbld.toml of the options. `listen` is of ResolveBind.
std::string FrontConfig(const FrontOptions& options,
                        const std::vector<std::string>& listen);

extern const char kFrontHelp[];

}  // namespace rbld

#endif  // RBLD_TOOLS_RBLDNSD_FRONT_H_
