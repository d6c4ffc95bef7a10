// The zones of rbld.toml. Only the configuration's own sources use this.
#ifndef RBLD_ZONES_CONFIG_ZONE_H_
#define RBLD_ZONES_CONFIG_ZONE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "zones/config.h"
#include "zones/toml_node.h"

namespace rbld {

// Reads a [[zone]] and adds it to `config`, whose lists are known; `lines` has
// the lines of the zones so far, by name.
absl::Status FinishZone(const TomlNode& node, Config* config,
                        std::map<std::string, uint32_t>* lines);

// What can be said of a zone once its datasets are known.
absl::Status CheckZoneSources(const TomlNode& node, const ZoneConfig& zone);

// The list is of the configuration, or an error that names the cure.
absl::Status CheckListIsKnown(const Config& config, const std::string& name,
                              const TomlNode& node);

}  // namespace rbld

#endif  // RBLD_ZONES_CONFIG_ZONE_H_
