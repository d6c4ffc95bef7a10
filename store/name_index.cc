#include "store/name_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "store/check.h"
#include "xxhash.h"

namespace rbld {
namespace {

// What a node decides, in a file: numbers of value sets.
struct FileDecision {
  uint32_t exact = 0;
  uint32_t below = 0;
  uint32_t flags = 0;
};

// The end of a base in a file. Before it stand, position independent: the data
// of the blocks, their heads, and the FileDecisions by the ids in the blocks.
struct BaseFoot {
  char magic[8] = {'R', 'B', 'L', 'D', 'N', 'A', 'M', '\2'};
  uint64_t node_count = 0;
  uint64_t heads_offset = 0;
  uint64_t table_offset = 0;
  uint64_t table_entries = 0;
  FileDecision root;
  uint32_t reserved[3] = {};
};
static_assert(sizeof(BaseFoot) == 64);

constexpr size_t kHeadsBytes = 65536 * sizeof(NameBlockHead);
// Behind the data, so that what a lookup reads too much is there.
static_assert(kHeadsBytes >= kIndexPadBytes);

// The label at the front of `*name` with its length byte, which is removed
// from it. A length that goes beyond the end gives what there is.
absl::string_view ConsumeLabel(absl::string_view* name) {
  const size_t bytes =
      1 + static_cast<size_t>(static_cast<unsigned char>((*name)[0]));
  const absl::string_view label = name->substr(0, bytes);
  name->remove_prefix(label.size());
  return label;
}

bool Lists(const ResolvedName& name) {
  return (name.has_exact && name.exact != kNotListed) ||
         (name.has_below && name.below != kNotListed);
}

}  // namespace

NameIndex::Decision NameIndex::Decision::Of(const ResolvedName& name) {
  Decision decision;
  if (name.has_exact) {
    decision.exact = name.exact;
    decision.flags |= kHasExact;
  }
  if (name.has_below) {
    decision.below = name.below;
    decision.flags |= kHasBelow;
  }
  return decision;
}

uint32_t NameIndex::DecisionTable::IdOf(const Decision& decision) {
  const auto next = static_cast<uint32_t>(decisions_.size());
  const auto [it, is_new] = ids_.try_emplace(decision, next);
  if (is_new) decisions_.push_back(decision);
  return it->second;
}

std::shared_ptr<const NameIndex> NameIndex::Empty(uint64_t seed) {
  return std::shared_ptr<const NameIndex>(new NameIndex(seed));
}

uint64_t NameIndex::ChildFingerprint(uint64_t parent, absl::string_view label) {
  return XXH3_64bits_withSeed(label.data(), label.size(), parent);
}

uint64_t NameIndex::FingerprintOf(absl::string_view reversed_wire) const {
  uint64_t fingerprint = seed_;
  while (!reversed_wire.empty()) {
    fingerprint = ChildFingerprint(fingerprint, ConsumeLabel(&reversed_wire));
  }
  return fingerprint;
}

const NameIndex::Decision* NameIndex::Find(uint64_t fingerprint) const {
  const uint32_t slot = SlotOfFingerprint(fingerprint);
  if (const HeapBlock* block = overrides_.Get(slot)) {
    const NameBlockView view(block->head, block->data.data());
    const uint32_t i = view.Find(fingerprint);
    return i == view.count() ? nullptr : &block->decisions[view.IdAt(i)];
  }
  if (heads_ == nullptr) return nullptr;
  const NameBlockView view(heads_[slot], data_);
  const uint32_t i = view.Find(fingerprint);
  return i == view.count() ? nullptr : &decisions_[view.IdAt(i)];
}

std::pair<NameBlockView, const NameIndex::Decision*> NameIndex::BlockOf(
    uint32_t slot) const {
  if (const HeapBlock* block = overrides_.Get(slot)) {
    return {NameBlockView(block->head, block->data.data()),
            block->decisions.data()};
  }
  if (heads_ == nullptr)
    return {NameBlockView(NameBlockHead(), data_), nullptr};
  return {NameBlockView(heads_[slot], data_), decisions_};
}

bool NameIndex::SameNodes(
    const NameIndex& other,
    const std::function<bool(ValueSetId a, ValueSetId b)>& same) const {
  if (this == &other) return true;
  if (seed_ != other.seed_ || node_count_ != other.node_count_) return false;
  const auto same_decision = [&same](const Decision& a, const Decision& b) {
    return a.flags == b.flags && same(a.exact, b.exact) &&
           same(a.below, b.below);
  };
  if (!same_decision(root_, other.root_)) return false;
  // Few decisions are different, so each pair is compared once.
  absl::flat_hash_map<std::pair<Decision, Decision>, bool> known;
  for (uint32_t slot = 0; slot < kBlocks; ++slot) {
    const auto [nodes, decisions] = BlockOf(slot);
    const auto [other_nodes, other_decisions] = other.BlockOf(slot);
    if (nodes.count() != other_nodes.count()) return false;
    for (uint32_t i = 0; i < nodes.count(); ++i) {
      if (nodes.RestAt(i) != other_nodes.RestAt(i)) return false;
      const auto [found, fresh] = known.try_emplace(
          {decisions[nodes.IdAt(i)], other_decisions[other_nodes.IdAt(i)]});
      if (fresh) {
        found->second = same_decision(found->first.first, found->first.second);
      }
      if (!found->second) return false;
    }
  }
  return true;
}

template <typename Next>
NameIndex::Result NameIndex::Walk(const Next& next) const {
  // What the nearest node above says of the names below it.
  ValueSetId inherited = kNotListed;
  int inherited_labels = 0;
  int labels = 0;
  uint64_t fingerprint = seed_;
  const Decision* node = &root_;
  while (true) {
    const Decision* const above = node;
    if (!next(&fingerprint)) break;
    if (above->has_below()) {
      inherited = above->below;
      inherited_labels = labels;
    }
    ++labels;
    node = Find(fingerprint);
    if (node == nullptr) {
      return {inherited, inherited_labels, inherited != kNotListed};
    }
  }
  Result result = {inherited, inherited_labels, false};
  if (node->has_exact()) {
    result.values = node->exact;
    result.matched_labels = labels;
  }
  const ValueSetId below = node->has_below() ? node->below : inherited;
  result.any_below = node->any_below() || below != kNotListed;
  return result;
}

NameIndex::Result NameIndex::Lookup(absl::string_view reversed_wire) const {
  return Walk([&reversed_wire](uint64_t* fingerprint) {
    if (reversed_wire.empty()) return false;
    *fingerprint = ChildFingerprint(*fingerprint, ConsumeLabel(&reversed_wire));
    return true;
  });
}

NameIndex::Result NameIndex::Lookup(const NameLabels& labels,
                                    const NamePath& path) const {
  const int known = path.seed_ == seed_ ? path.known_ : 0;
  int depth = 0;
  return Walk([&](uint64_t* fingerprint) {
    if (depth == labels.count) return false;
    const int i = depth++;
    *fingerprint = i < known
                       ? path.fingerprints_[i]
                       : ChildFingerprint(*fingerprint, labels.FromTop(i));
    return true;
  });
}

template <typename Visit>
void NameIndex::ForEachRareNode(const NamePath& path,
                                const Visit& visit) const {
  if (heads_ == nullptr || path.seed_ != seed_) return;
  // Top-level domains are few, and near.
  for (int i = path.known_ == 1 ? 0 : 1; i < path.known_; ++i) {
    visit(path.fingerprints_[i]);
  }
}

void NameIndex::PrefetchHeads(const NamePath& path) const {
  ForEachRareNode(path, [this](uint64_t fingerprint) {
    PrefetchLine(&heads_[SlotOfFingerprint(fingerprint)]);
  });
}

void NameIndex::Prefetch(const NamePath& path) const {
  ForEachRareNode(path, [this](uint64_t fingerprint) {
    NameBlockView(heads_[SlotOfFingerprint(fingerprint)], data_)
        .Prefetch(fingerprint);
  });
}

NamePath::NamePath(uint64_t seed, const NameLabels& labels)
    : seed_(seed), known_(std::min(labels.count, kMost)) {
  uint64_t fingerprint = seed;
  for (int i = 0; i < known_; ++i) {
    fingerprint = NameIndex::ChildFingerprint(fingerprint, labels.FromTop(i));
    fingerprints_[i] = fingerprint;
  }
}

uint64_t NameIndex::HeapBytes(const HeapBlock* block) {
  if (block == nullptr) return 0;
  // The shared pointer's counters and the three allocations' own heads.
  constexpr uint64_t kOverheadBytes = 40;
  return sizeof(HeapBlock) + block->data.capacity() +
         block->decisions.capacity() * sizeof(Decision) + kOverheadBytes;
}

void NameIndex::ReplaceBlock(
    uint32_t slot, absl::Span<const std::pair<uint64_t, const NameNode*>> nodes,
    OverrideMap<HeapBlock>::Editor* editor) {
  // The old block's nodes and the new ones are merged; both are ascending.
  const HeapBlock* old = overrides_.Get(slot);
  const Decision* old_decisions =
      old != nullptr ? old->decisions.data() : decisions_;
  NameBlockHead old_head;
  const char* old_data = nullptr;
  if (old != nullptr) {
    old_head = old->head;
    old_data = old->data.data();
  } else if (heads_ != nullptr) {
    old_head = heads_[slot];
    old_data = data_;
  }
  const NameBlockView old_nodes(old_head, old_data);

  std::vector<NameBlockNode> merged;
  merged.reserve(old_nodes.count() + nodes.size());
  DecisionTable table;
  const uint64_t slot_bits = uint64_t{slot} << 48;
  uint32_t i = 0;
  auto take_old_below = [&](uint64_t rest_limit) {
    for (; i < old_nodes.count() && old_nodes.RestAt(i) < rest_limit; ++i) {
      merged.push_back({slot_bits | old_nodes.RestAt(i),
                        table.IdOf(old_decisions[old_nodes.IdAt(i)])});
    }
  };
  for (const auto& [fingerprint, node] : nodes) {
    const uint64_t rest = fingerprint & NameBlockView::kRestMask;
    take_old_below(rest);
    if (i < old_nodes.count() && old_nodes.RestAt(i) == rest) ++i;
    if (!node->present) continue;
    Decision decision = Decision::Of(node->name);
    if (node->any_below) decision.flags |= Decision::kAnyBelow;
    merged.push_back({fingerprint, table.IdOf(decision)});
  }
  take_old_below(NameBlockView::kRestMask + 1);

  auto block = std::make_shared<HeapBlock>();
  block->data.reserve(merged.size() * (NameBlockView::kRestBytes + 1) + 16 +
                      kIndexPadBytes);
  block->head = EncodeNameBlock(merged, &block->data);
  block->data.resize(block->data.size() + kIndexPadBytes, 0);
  block->decisions = table.Take();
  node_count_ += merged.size();
  node_count_ -= old_nodes.count();
  const uint64_t new_bytes = HeapBytes(block.get());
  editor->Set(slot, std::move(block), new_bytes, HeapBytes(old));
}

std::shared_ptr<const NameIndex> NameIndex::WithReplaced(
    absl::Span<const NameNode> nodes) const {
  std::shared_ptr<NameIndex> next(new NameIndex(*this));
  std::vector<std::pair<uint64_t, const NameNode*>> sorted;
  sorted.reserve(nodes.size());
  for (const NameNode& node : nodes) {
    if (!node.name.reversed_wire.empty()) {
      sorted.emplace_back(FingerprintOf(node.name.reversed_wire), &node);
      continue;
    }
    next->root_ = node.present ? Decision::Of(node.name) : Decision();
    if (node.any_below) next->root_.flags |= Decision::kAnyBelow;
  }
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 1; i < sorted.size(); ++i) {
    RBLD_CHECK(sorted[i].first != sorted[i - 1].first,
               "each node may be given once");
  }
  OverrideMap<HeapBlock>::Editor editor(&next->overrides_);
  const auto all = absl::MakeConstSpan(sorted);
  for (size_t begin = 0; begin < sorted.size();) {
    const uint32_t slot = SlotOfFingerprint(sorted[begin].first);
    size_t end = begin;
    while (end < sorted.size() &&
           SlotOfFingerprint(sorted[end].first) == slot) {
      ++end;
    }
    next->ReplaceBlock(slot, all.subspan(begin, end - begin), &editor);
    begin = end;
  }
  return next;
}

uint64_t NameIndex::MemoryBytes() const {
  if (base_ == nullptr) return sizeof(*this) + overrides_.MemoryBytes();
  return sizeof(*this) + overrides_.MemoryBytes() + base_->size() +
         table_->capacity() * sizeof(Decision);
}

void NameIndex::SetBase(std::shared_ptr<const PageRegion> base,
                        uint64_t heads_offset,
                        std::vector<Decision> decisions) {
  base_ = std::move(base);
  data_ = base_->data();
  heads_ = reinterpret_cast<const NameBlockHead*>(data_ + heads_offset);
  table_ = std::make_shared<const std::vector<Decision>>(std::move(decisions));
  decisions_ = table_->data();
}

void NameIndex::WriteBase(LocalIds* numbers, ByteSink* sink) const {
  const uint64_t start = sink->size();
  // The blocks that did not change keep their ids.
  DecisionTable table;
  for (size_t i = 0; table_ != nullptr && i < table_->size(); ++i) {
    table.IdOf((*table_)[i]);
  }
  std::vector<NameBlockHead> heads(kBlocks);
  std::vector<NameBlockNode> nodes;
  std::vector<char> encoded;
  for (uint32_t slot = 0; slot < kBlocks; ++slot) {
    const auto place =
        static_cast<uint32_t>((sink->size() - start) / sizeof(uint32_t));
    const HeapBlock* const block = overrides_.Get(slot);
    if (block == nullptr) {
      if (heads_ == nullptr || heads_[slot].count() == 0) continue;
      const NameBlockView view(heads_[slot], data_);
      heads[slot] = heads_[slot];
      sink->Append(view.data(), view.SizeBytes());
    } else {
      const NameBlockView view(block->head, block->data.data());
      if (view.count() == 0) continue;
      nodes.clear();
      for (uint32_t i = 0; i < view.count(); ++i) {
        nodes.push_back({uint64_t{slot} << 48 | view.RestAt(i),
                         table.IdOf(block->decisions[view.IdAt(i)])});
      }
      encoded.clear();
      heads[slot] = EncodeNameBlock(nodes, &encoded);
      sink->Append(encoded.data(), encoded.size());
    }
    heads[slot].place = place;
  }
  const auto for_file = [numbers](const Decision& decision) {
    const auto number = [numbers](ValueSetId values) {
      return values == kNotListed ? 0 : numbers->Of(values);
    };
    return FileDecision{number(decision.exact), number(decision.below),
                        decision.flags};
  };
  BaseFoot foot;
  foot.node_count = node_count_;
  foot.root = for_file(root_);
  sink->AlignTo(sizeof(uint64_t));
  foot.heads_offset = sink->size() - start;
  sink->Append(heads.data(), kHeadsBytes);
  foot.table_offset = sink->size() - start;
  foot.table_entries = table.decisions().size();
  for (const Decision& decision : table.decisions()) {
    const FileDecision out = for_file(decision);
    sink->Append(&out, sizeof(out));
  }
  sink->AlignTo(sizeof(uint64_t));
  sink->Append(&foot, sizeof(foot));
}

absl::StatusOr<std::shared_ptr<const NameIndex>> NameIndex::FromBase(
    std::shared_ptr<const PageRegion> region,
    absl::Span<const ValueSetId> values, uint64_t seed) {
  const absl::Status malformed =
      absl::DataLossError("the index file's part for names is malformed");
  BaseFoot foot, expected;
  if (region->size() < sizeof(foot)) return malformed;
  const uint64_t end = region->size() - sizeof(foot);
  std::memcpy(&foot, region->data() + end, sizeof(foot));
  if (std::memcmp(foot.magic, expected.magic, sizeof(foot.magic)) != 0 ||
      foot.heads_offset % sizeof(uint64_t) != 0 || foot.heads_offset > end ||
      foot.table_offset != foot.heads_offset + kHeadsBytes ||
      foot.table_offset > end ||
      foot.table_entries > (end - foot.table_offset) / sizeof(FileDecision)) {
    return malformed;
  }
  bool known = true;
  const auto from_file = [&](const FileDecision& in) {
    known = known && in.exact < values.size() && in.below < values.size();
    return known ? Decision{values[in.exact], values[in.below], in.flags}
                 : Decision();
  };
  std::vector<Decision> decisions(static_cast<size_t>(foot.table_entries));
  for (size_t i = 0; i < decisions.size(); ++i) {
    FileDecision in;
    std::memcpy(&in, region->data() + foot.table_offset + i * sizeof(in),
                sizeof(in));
    decisions[i] = from_file(in);
  }
  std::shared_ptr<NameIndex> index(new NameIndex(seed));
  index->root_ = from_file(foot.root);
  if (!known) return malformed;
  index->node_count_ = foot.node_count;
  index->SetBase(std::move(region), foot.heads_offset, std::move(decisions));
  return std::shared_ptr<const NameIndex>(std::move(index));
}

std::shared_ptr<const NameIndex> NameIndex::Rebased(
    const NameIndex& newest, const NameIndex& written,
    const NameIndex& from_file) {
  if (newest.base_ != written.base_) return nullptr;
  std::shared_ptr<NameIndex> index(new NameIndex(from_file));
  index->root_ = newest.root_;
  index->node_count_ = newest.node_count_;
  OverrideMap<HeapBlock>::Editor editor(&index->overrides_);
  for (uint32_t slot = 0; slot < kBlocks; ++slot) {
    std::shared_ptr<const HeapBlock> block = newest.overrides_.Share(slot);
    if (block == nullptr || block.get() == written.overrides_.Get(slot)) {
      continue;
    }
    const uint64_t bytes = HeapBytes(block.get());
    editor.Set(slot, std::move(block), bytes, 0);
  }
  return index;
}

NameIndexBuilder::NameIndexBuilder(uint64_t seed)
    : seed_(seed), parts_(kParts) {}

void NameIndexBuilder::CloseNode() {
  const OpenNode& node = open_.back();
  parts_[node.fingerprint >> 56].push_back(
      {static_cast<uint32_t>(node.fingerprint >> 32),
       static_cast<uint32_t>(node.fingerprint),
       decisions_.IdOf(node.decision)});
  open_.pop_back();
}

void NameIndexBuilder::Add(const ResolvedName& name) {
  const absl::string_view wire = name.reversed_wire;
  RBLD_CHECK(!started_ || wire > absl::string_view(last_name_),
             "names must be ascending, each once");
  started_ = true;
  using Decision = NameIndex::Decision;
  if (wire.empty()) {
    root_ = Decision::Of(name);
    return;
  }
  while (!open_.empty() &&
         wire.substr(0, open_.back().name_bytes) !=
             absl::string_view(last_name_).substr(0, open_.back().name_bytes)) {
    CloseNode();
  }
  size_t known_bytes = open_.empty() ? 0 : open_.back().name_bytes;
  uint64_t fingerprint = open_.empty() ? seed_ : open_.back().fingerprint;
  absl::string_view rest = wire.substr(known_bytes);
  while (!rest.empty()) {
    const absl::string_view label = ConsumeLabel(&rest);
    known_bytes += label.size();
    fingerprint = NameIndex::ChildFingerprint(fingerprint, label);
    open_.push_back({known_bytes, fingerprint, Decision()});
  }
  open_.back().decision = Decision::Of(name);
  last_name_.assign(wire.data(), wire.size());
  if (!Lists(name)) return;
  root_.flags |= Decision::kAnyBelow;
  // Whatever is above a node that has the flag has it too.
  for (size_t i = open_.size() - 1; i > 0; --i) {
    if (open_[i - 1].decision.any_below()) break;
    open_[i - 1].decision.flags |= Decision::kAnyBelow;
  }
}

void NameIndexBuilder::EncodePart(uint32_t part) {
  std::vector<NameBlockNode> nodes;
  nodes.reserve(parts_[part].size());
  for (const Node& node : parts_[part]) {
    nodes.push_back(
        {uint64_t{node.fingerprint_high} << 32 | node.fingerprint_low,
         node.decision});
  }
  std::deque<Node>().swap(parts_[part]);
  std::sort(nodes.begin(), nodes.end(),
            [](const NameBlockNode& a, const NameBlockNode& b) {
              return a.fingerprint < b.fingerprint;
            });
  // Two names with one fingerprint: the header says how unlikely. One stays.
  nodes.erase(std::unique(nodes.begin(), nodes.end(),
                          [](const NameBlockNode& a, const NameBlockNode& b) {
                            return a.fingerprint == b.fingerprint;
                          }),
              nodes.end());
  node_count_ += nodes.size();
  const auto all = absl::MakeConstSpan(nodes);
  for (size_t begin = 0; begin < nodes.size();) {
    const uint32_t slot = SlotOfFingerprint(nodes[begin].fingerprint);
    size_t end = begin;
    while (end < nodes.size() &&
           SlotOfFingerprint(nodes[end].fingerprint) == slot) {
      ++end;
    }
    encoded_.clear();
    NameBlockHead head =
        EncodeNameBlock(all.subspan(begin, end - begin), &encoded_);
    RBLD_CHECK(data_.size() / 4 <= UINT32_MAX, "the index is full");
    head.place = static_cast<uint32_t>(data_.size() / 4);
    data_.Append(encoded_.data(), encoded_.size());
    heads_[slot] = head;
    begin = end;
  }
}

std::shared_ptr<const NameIndex> NameIndexBuilder::Build() {
  while (!open_.empty()) CloseNode();
  std::shared_ptr<NameIndex> index(new NameIndex(seed_));
  index->root_ = root_;
  if (decisions_.decisions().empty()) return index;
  heads_.resize(NameIndex::kBlocks);
  for (uint32_t part = 0; part < kParts; ++part) EncodePart(part);

  const uint64_t heads_offset = (data_.size() + sizeof(uint64_t) - 1) /
                                sizeof(uint64_t) * sizeof(uint64_t);
  auto base = std::make_shared<PageRegion>(static_cast<size_t>(heads_offset) +
                                           kHeadsBytes);
  data_.MoveTo(base->data());
  std::memcpy(base->data() + heads_offset, heads_.data(), kHeadsBytes);
  index->node_count_ = node_count_;
  index->SetBase(std::move(base), heads_offset, decisions_.Take());
  return index;
}

}  // namespace rbld
