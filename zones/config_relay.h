// [relay] of rbld.toml. Only the configuration's own sources use this.
#ifndef RBLD_ZONES_CONFIG_RELAY_H_
#define RBLD_ZONES_CONFIG_RELAY_H_

#include "absl/status/status.h"
#include "zones/config.h"
#include "zones/toml_node.h"

namespace rbld {

// Reads [relay] into `config`, whose lists are known; the lists that relay
// tests fill may hold the labs' networks from then on.
absl::Status FinishRelay(const TomlNode& node, Config* config);

}  // namespace rbld

#endif  // RBLD_ZONES_CONFIG_RELAY_H_
