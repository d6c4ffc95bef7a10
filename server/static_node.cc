#include "server/static_node.h"

#include <algorithm>
#include <utility>

#include "dns/constants.h"
#include "dns/response_writer.h"

namespace rbld {
namespace {

// Calls sink(head, rdata) for each record of a block; it returns true to stop.
template <typename Sink>
bool AnyRecord(const std::string& block, const Sink& sink) {
  for (size_t at = 0; at < block.size();) {
    const auto* const head =
        reinterpret_cast<const uint8_t*>(block.data()) + at;
    const size_t rdata_bytes = ReadU16(head + kRecordHeadBytes - 2);
    if (sink(at, absl::string_view(block).substr(at + kRecordHeadBytes,
                                                 rdata_bytes))) {
      return true;
    }
    at += kRecordHeadBytes + rdata_bytes;
  }
  return false;
}

bool HasRdata(const std::string& block, absl::string_view rdata) {
  return AnyRecord(block, [rdata](size_t, absl::string_view other) {
    return other == rdata;
  });
}

}  // namespace

void AddStaticRecord(uint16_t type, uint32_t ttl_seconds,
                     absl::string_view rdata, StaticNode* node) {
  for (StaticRrset& rrset : node->rrsets) {
    if (rrset.type != type) continue;
    // RFC 2181 §5: a set has no record twice.
    if (HasRdata(rrset.block, rdata)) {
      rrset.ttl_seconds = std::min(rrset.ttl_seconds, ttl_seconds);
      return;
    }
    AppendRecord(type, ttl_seconds, rdata, &rrset.block);
    ++rrset.records;
    rrset.ttl_seconds = std::min(rrset.ttl_seconds, ttl_seconds);
    return;
  }
  StaticRrset rrset;
  rrset.type = type;
  rrset.ttl_seconds = ttl_seconds;
  rrset.records = 1;
  AppendRecord(type, ttl_seconds, rdata, &rrset.block);
  node->rrsets.push_back(std::move(rrset));
}

void LevelTtls(StaticNode* node) {
  for (StaticRrset& rrset : node->rrsets) {
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(rrset.block.data());
    AnyRecord(rrset.block, [&](size_t at, absl::string_view) {
      WriteU32(bytes + at + 6, rrset.ttl_seconds);
      return false;
    });
  }
}

void AddNodesAbove(absl::string_view labels, NodeMap* nodes) {
  while (!labels.empty()) {
    labels.remove_prefix(size_t{1} + static_cast<uint8_t>(labels[0]));
    if (!labels.empty()) nodes->try_emplace(std::string(labels));
  }
}

}  // namespace rbld
