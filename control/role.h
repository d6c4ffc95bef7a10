// Role: what a client of the control API may do. It comes from the socket that
// the client connected to, and so from that socket's file mode; never from
// anything that the client says of itself.
#ifndef RBLD_CONTROL_ROLE_H_
#define RBLD_CONTROL_ROLE_H_

#include <cstdint>

namespace rbld {

// The values are bits, so that a route can name a set of roles.
enum class Role : uint8_t {
  kOperator = 1,  // everything
  kImporter = 2,  // imports of feeds, relay reports, and reading
  kRelayd = 4,    // relay tests, changes of their source, and reading
  kPublic = 8,    // looking up, without authors and notes; relay reports
};

// "operator", "importer", "relayd", "public".
constexpr const char* RoleName(Role role) {
  switch (role) {
    case Role::kOperator:
      return "operator";
    case Role::kImporter:
      return "importer";
    case Role::kRelayd:
      return "relayd";
    case Role::kPublic:
      return "public";
  }
  return "unknown";
}

}  // namespace rbld

#endif  // RBLD_CONTROL_ROLE_H_
