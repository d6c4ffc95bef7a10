// FileView: the watched files' data as it is served at one time.
//
// Immutable; any thread may read one.
#ifndef RBLD_SERVER_FILE_VIEW_H_
#define RBLD_SERVER_FILE_VIEW_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/query_keys.h"
#include "server/static_node.h"
#include "zones/rbldnsd/file_dataset.h"

namespace rbld {

// A dataset with its generic records rendered.
struct ServedDataset {
  // Null: its files could not be loaded yet.
  std::shared_ptr<const FileDataset> data;
  bool expired = false;                    // $TIMESTAMP
  std::shared_ptr<const ServedKeys> keys;  // of aclkey, else null
  // Of the dataset, or of each of its sections.
  NodeMap nodes;
  std::vector<NodeMap> section_nodes;

  bool usable() const { return data != nullptr && !expired; }
};

// `ttl_seconds` is that of records that have none; `before`, which may be null,
// is what was served of the same dataset until now.
std::shared_ptr<const ServedDataset> MakeServedDataset(
    std::shared_ptr<const FileDataset> data, uint32_t ttl_seconds,
    const ServedDataset* before = nullptr);

struct FileView {
  // By the datasets' names.
  std::map<std::string, std::shared_ptr<const ServedDataset>, std::less<>>
      datasets;
};

}  // namespace rbld

#endif  // RBLD_SERVER_FILE_VIEW_H_
