// StaticNode: the records that stand at a name whatever the lists say, rendered
// for answers.
#ifndef RBLD_SERVER_STATIC_NODE_H_
#define RBLD_SERVER_STATIC_NODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace rbld {

// The records of one type at one name, as ResponseWriter::AddAnswers takes
// them.
struct StaticRrset {
  uint16_t type = 0;
  uint32_t ttl_seconds = 0;  // the smallest of its records' (RFC 2181 §5.2)
  int records = 0;
  std::string block;
};

// A name that exists whatever the lists say. Without RRsets it is an empty
// non-terminal, or the apex of another zone of ours.
struct StaticNode {
  std::vector<StaticRrset> rrsets;

  // Null when there is none of that type.
  const StaticRrset* Find(uint16_t type) const {
    for (const StaticRrset& rrset : rrsets) {
      if (rrset.type == type) return &rrset;
    }
    return nullptr;
  }
};

// By the labels below the zone in wire form and lower case, without the root's
// byte; "" is the zone itself.
using NodeMap = absl::flat_hash_map<std::string, StaticNode>;

// `rdata` is in wire form, without compression.
void AddStaticRecord(uint16_t type, uint32_t ttl_seconds,
                     absl::string_view rdata, StaticNode* node);

// RFC 2181 §5.2: the records of a set have one TTL; the smallest is taken. To
// be called once all records are there.
void LevelTtls(StaticNode* node);

// Makes nodes of the names above `labels`, up to but not with the zone itself.
void AddNodesAbove(absl::string_view labels, NodeMap* nodes);

}  // namespace rbld

#endif  // RBLD_SERVER_STATIC_NODE_H_
