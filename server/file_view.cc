#include "server/file_view.h"

#include <utility>

namespace rbld {
namespace {

NodeMap NodesOf(const std::vector<GenericRecord>& records,
                uint32_t ttl_seconds) {
  NodeMap nodes;
  for (const GenericRecord& record : records) {
    AddStaticRecord(record.type,
                    record.ttl_seconds != 0 ? record.ttl_seconds : ttl_seconds,
                    record.rdata, &nodes[record.owner]);
    AddNodesAbove(record.owner, &nodes);
  }
  for (auto& [labels, node] : nodes) LevelTtls(&node);
  return nodes;
}

}  // namespace

std::shared_ptr<const ServedDataset> MakeServedDataset(
    std::shared_ptr<const FileDataset> data, uint32_t ttl_seconds,
    const ServedDataset* before) {
  auto served = std::make_shared<ServedDataset>();
  if (data != nullptr) {
    if (data->type == DatasetType::kAclKey) {
      served->keys = MakeServedKeys(
          *data, before == nullptr ? nullptr : before->keys.get());
    }
    served->nodes = NodesOf(data->records, ttl_seconds);
    for (const auto& section : data->sections) {
      served->section_nodes.push_back(NodesOf(section->records, ttl_seconds));
    }
  }
  served->data = std::move(data);
  return served;
}

}  // namespace rbld
