#include "store/name_block.h"

#include <algorithm>

#include "store/check.h"

namespace rbld {

NameBlockHead EncodeNameBlock(absl::Span<const NameBlockNode> nodes,
                              std::vector<char>* data) {
  NameBlockHead head;
  if (nodes.empty()) return head;
  RBLD_CHECK(nodes.size() <= kMostNameBlockNodes, "a name block is full");
  uint32_t largest = 0;
  bool same = true;
  for (const NameBlockNode& node : nodes) {
    largest = std::max(largest, node.id);
    same = same && node.id == nodes[0].id;
  }
  const int width = same ? 0 : BitsFor(largest);
  head.info =
      static_cast<uint32_t>(nodes.size()) << 8 | static_cast<uint32_t>(width);

  const size_t start = data->size();
  const size_t rest_bytes = nodes.size() * NameBlockView::kRestBytes;
  const size_t id_bytes = same ? 4 : PackedBytes(nodes.size(), width);
  const size_t total = (rest_bytes + id_bytes + 3) / 4 * 4;
  // Words are written 8 bytes at a time; what is too much is cut off again.
  data->resize(start + total + 8, 0);
  char* at = data->data() + start;
  for (const NameBlockNode& node : nodes) {
    const uint64_t rest = node.fingerprint & NameBlockView::kRestMask;
    std::memcpy(at, &rest, sizeof(rest));
    at += NameBlockView::kRestBytes;
  }
  if (same) {
    std::memcpy(at, &largest, sizeof(largest));
  } else {
    for (size_t i = 0; i < nodes.size(); ++i) {
      WritePacked(at, i, width, nodes[i].id);
    }
  }
  data->resize(start + total);
  return head;
}

}  // namespace rbld
