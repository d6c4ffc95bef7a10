#include "store/ipv4_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "store/check.h"

namespace rbld {
namespace {

// The end of a base in a file. Before it stand, position independent: the data
// of the blocks, their heads, the bitmap of non-empty blocks, and for each id
// in the blocks the number of its value set.
struct BaseFoot {
  char magic[8] = {'R', 'B', 'L', 'D', 'I', 'P', '4', '\2'};
  uint64_t top_offset = 0;
  uint64_t bitmap_offset = 0;
  uint64_t table_offset = 0;
  uint64_t table_entries = 0;
  uint64_t reserved[3] = {};
};
static_assert(sizeof(BaseFoot) == 64);

// Joins runs that touch and have the same values, and passes them on.
class RunJoiner {
 public:
  explicit RunJoiner(const std::function<bool(const Ipv4Run&)>& sink)
      : sink_(sink) {}

  // False once the sink has had enough.
  bool Add(const Ipv4Run& run) {
    if (run_.values == run.values && uint64_t{run_.last} + 1 == run.first) {
      run_.last = run.last;
      return true;
    }
    const bool go_on = Flush();
    run_ = run;
    return go_on;
  }

  bool Flush() {
    if (run_.values == kNotListed) return true;
    const Ipv4Run run = std::exchange(run_, Ipv4Run());
    return sink_(run);
  }

 private:
  const std::function<bool(const Ipv4Run&)>& sink_;
  Ipv4Run run_;
};

}  // namespace

std::shared_ptr<const Ipv4Index> Ipv4Index::Empty() {
  // Never destroyed, so that it may be used until the process ends.
  static const auto* const empty =
      new std::shared_ptr<const Ipv4Index>(new Ipv4Index());
  return *empty;
}

uint32_t Ipv4Index::NextNonEmpty(uint32_t slot) const {
  if (slot >= kBlocks) return kBlocks;
  uint64_t word = nonempty_[slot / 64] >> (slot % 64);
  if (word != 0) return slot + static_cast<uint32_t>(std::countr_zero(word));
  for (uint32_t i = slot / 64 + 1; i < kBlocks / 64; ++i) {
    word = nonempty_[i];
    if (word != 0) {
      return i * 64 + static_cast<uint32_t>(std::countr_zero(word));
    }
  }
  return kBlocks;
}

bool Ipv4Index::AnyWithinBlock(uint32_t slot, uint16_t first,
                               uint16_t last) const {
  const HeapBlock* const block = overrides_.Get(slot);
  if (block != nullptr && !block->is_patch()) {
    return AnyWithinIpv4Block(block->head, block->data.data(), first, last);
  }
  const auto base_has = [&](uint32_t from, uint32_t to) {
    return top_ != nullptr && from <= to &&
           AnyWithinIpv4Block(top_[slot], data_, static_cast<uint16_t>(from),
                              static_cast<uint16_t>(to));
  };
  if (block == nullptr) return base_has(first, last);
  uint32_t next = first;
  for (const Ipv4Piece& piece : block->patch) {
    if (piece.last < next) continue;
    if (piece.first > last) break;
    if (piece.id != kNotListed) return true;
    if (piece.first > next && base_has(next, uint32_t{piece.first} - 1)) {
      return true;
    }
    next = uint32_t{piece.last} + 1;
  }
  return base_has(next, last);
}

bool Ipv4Index::AnyWithin(uint32_t first, uint32_t last) const {
  const uint32_t first_slot = first >> 16;
  const uint32_t last_slot = last >> 16;
  const auto first_low = static_cast<uint16_t>(first);
  const auto last_low = static_cast<uint16_t>(last);
  if (first_slot == last_slot) {
    return IsNonEmpty(first_slot) &&
           AnyWithinBlock(first_slot, first_low, last_low);
  }
  // Of the blocks between the two at the ends, the bitmap says it all.
  const uint32_t begin = first_low == 0 ? first_slot : first_slot + 1;
  const uint32_t end = last_low == 0xffff ? last_slot + 1 : last_slot;
  if (NextNonEmpty(begin) < end) return true;
  return (begin != first_slot && IsNonEmpty(first_slot) &&
          AnyWithinBlock(first_slot, first_low, 0xffff)) ||
         (end == last_slot && IsNonEmpty(last_slot) &&
          AnyWithinBlock(last_slot, 0, last_low));
}

template <typename Sink>
void Ipv4Index::ForEachBasePiece(uint32_t slot, uint16_t first, uint16_t last,
                                 const Sink& sink) const {
  if (top_ == nullptr) return;
  ForEachIpv4Piece(top_[slot], data_, first, last,
                   [this, &sink](Ipv4Piece piece) {
                     piece.id = id_of_local_[piece.id];
                     sink(piece);
                   });
}

template <typename Sink>
void Ipv4Index::ForEachPiece(uint32_t slot, uint16_t first, uint16_t last,
                             const Sink& sink) const {
  const HeapBlock* const block = overrides_.Get(slot);
  if (block == nullptr) {
    ForEachBasePiece(slot, first, last, sink);
    return;
  }
  if (!block->is_patch()) {
    ForEachIpv4Piece(block->head, block->data.data(), first, last, sink);
    return;
  }
  // The patch, and the base between its pieces.
  uint32_t next = first;
  for (const Ipv4Piece& piece : block->patch) {
    if (piece.last < next) continue;
    if (piece.first > last) break;
    if (piece.first > next) {
      ForEachBasePiece(slot, static_cast<uint16_t>(next),
                       static_cast<uint16_t>(piece.first - 1), sink);
    }
    if (piece.id != kNotListed) {
      sink(Ipv4Piece{std::max(first, piece.first), std::min(last, piece.last),
                     piece.id});
    }
    next = uint32_t{piece.last} + 1;
  }
  if (next <= last) {
    ForEachBasePiece(slot, static_cast<uint16_t>(next), last, sink);
  }
}

void Ipv4Index::ForEachRun(
    uint32_t first, uint32_t last,
    const std::function<bool(const Ipv4Run&)>& sink) const {
  RunJoiner joiner(sink);
  bool go_on = true;
  for (uint32_t slot = NextNonEmpty(first >> 16);
       go_on && slot <= last >> 16 && slot < kBlocks;
       slot = NextNonEmpty(slot + 1)) {
    const uint32_t block_first = slot << 16;
    const uint32_t low = std::max(first, block_first);
    const uint32_t high = std::min(last, block_first | 0xffff);
    ForEachPiece(slot, static_cast<uint16_t>(low), static_cast<uint16_t>(high),
                 [&](const Ipv4Piece& piece) {
                   go_on = go_on &&
                           joiner.Add({block_first | piece.first,
                                       block_first | piece.last, piece.id});
                 });
  }
  if (go_on) joiner.Flush();
}

std::shared_ptr<const Ipv4Index::HeapBlock> Ipv4Index::MakeBlock(
    absl::Span<const Ipv4Piece> pieces) {
  auto block = std::make_shared<HeapBlock>();
  size_t entries = 0;
  for (const Ipv4Piece& piece : pieces) {
    entries += static_cast<size_t>(std::min(piece.last - piece.first + 1, 3));
  }
  // Room for what is likely; the vector grows where that is too little.
  block->data.reserve(entries * 3 + 16 + kIndexPadBytes);
  block->head = EncodeIpv4Block(pieces, &block->data);
  if (block->head.kind() >= Ipv4BlockHead::kEntries) {
    block->data.resize(block->data.size() + kIndexPadBytes, 0);
  } else {
    block->data.shrink_to_fit();
  }
  return block;
}

bool Ipv4Index::BaseIsPatchable(uint32_t slot) const {
  if (top_ == nullptr) return false;
  const Ipv4BlockHead head = top_[slot];
  return head.kind() >= Ipv4BlockHead::kEntries &&
         Ipv4BlockView(head, data_).SizeBytes(head) >= kPatchedBlockBytes;
}

std::shared_ptr<const Ipv4Index::HeapBlock> Ipv4Index::MakePatch(
    uint32_t slot, uint16_t first, uint16_t last,
    absl::Span<const Ipv4Piece> pieces) const {
  const HeapBlock* const old = overrides_.Get(slot);
  if (old == nullptr ? !BaseIsPatchable(slot) : !old->is_patch()) {
    return nullptr;
  }
  const absl::Span<const Ipv4Piece> old_patch =
      old == nullptr ? absl::Span<const Ipv4Piece>()
                     : absl::MakeConstSpan(old->patch);
  auto block = std::make_shared<HeapBlock>();
  std::vector<Ipv4Piece>& patch = block->patch;
  patch.reserve(old_patch.size() + 2 * pieces.size() + 2);
  for (const Ipv4Piece& piece : old_patch) {
    if (piece.first >= first) break;
    AppendPiece(&patch, {piece.first,
                         std::min(piece.last, static_cast<uint16_t>(first - 1)),
                         piece.id});
  }
  uint32_t next = first;
  for (const Ipv4Piece& piece : pieces) {
    if (piece.first > next) {
      AppendPiece(&patch, {static_cast<uint16_t>(next),
                           static_cast<uint16_t>(piece.first - 1), kNotListed});
    }
    AppendPiece(&patch, piece);
    next = uint32_t{piece.last} + 1;
    if (patch.size() > kMostPatchPieces) return nullptr;
  }
  if (next <= last) {
    AppendPiece(&patch, {static_cast<uint16_t>(next), last, kNotListed});
  }
  for (const Ipv4Piece& piece : old_patch) {
    if (piece.last <= last) continue;
    AppendPiece(&patch, {std::max(piece.first, static_cast<uint16_t>(last + 1)),
                         piece.last, piece.id});
  }
  if (patch.size() > kMostPatchPieces) return nullptr;
  patch.shrink_to_fit();
  return block;
}

uint64_t Ipv4Index::HeapBytes(const HeapBlock* block) {
  if (block == nullptr) return 0;
  // The shared pointer's counters and the two allocations' own heads.
  constexpr uint64_t kOverheadBytes = 32;
  return sizeof(HeapBlock) + block->data.capacity() +
         block->patch.capacity() * sizeof(Ipv4Piece) + kOverheadBytes;
}

void Ipv4Index::SetBlock(OverrideMap<HeapBlock>::Editor* editor, uint32_t slot,
                         const std::shared_ptr<const HeapBlock>& block,
                         bool nonempty) {
  const uint64_t old_bytes = HeapBytes(overrides_.Get(slot));
  editor->Set(slot, block, HeapBytes(block.get()), old_bytes);
  const uint64_t bit = uint64_t{1} << (slot % 64);
  if (nonempty) {
    nonempty_[slot / 64] |= bit;
  } else {
    nonempty_[slot / 64] &= ~bit;
  }
}

void Ipv4Index::Editor::ReplaceInBlock(uint32_t slot, uint16_t first,
                                       uint16_t last,
                                       absl::Span<const Ipv4Piece> pieces) {
  Ipv4Index& index = *index_;
  if (std::shared_ptr<const HeapBlock> patch =
          index.MakePatch(slot, first, last, pieces)) {
    index.SetBlock(&overrides_, slot, patch, true);
    // What is left may be nothing.
    if (pieces.empty() && !index.AnyWithinBlock(slot, 0, 0xffff)) {
      index.SetBlock(&overrides_, slot, patch, false);
    }
    return;
  }
  whole_.clear();
  const auto append = [this](const Ipv4Piece& piece) {
    AppendPiece(&whole_, piece);
  };
  if (first > 0) {
    index.ForEachPiece(slot, 0, static_cast<uint16_t>(first - 1), append);
  }
  for (const Ipv4Piece& piece : pieces) append(piece);
  if (last < 0xffff) {
    index.ForEachPiece(slot, static_cast<uint16_t>(last + 1), 0xffff, append);
  }
  const bool is_whole =
      whole_.size() == 1 && whole_[0].first == 0 && whole_[0].last == 0xffff;
  if (!is_whole && !whole_.empty()) {
    index.SetBlock(&overrides_, slot, MakeBlock(whole_), true);
    return;
  }
  const ValueSetId values = is_whole ? whole_[0].id : kNotListed;
  if (uniform_ == nullptr || uniform_values_ != values) {
    uniform_ = MakeBlock(whole_);
    uniform_values_ = values;
  }
  index.SetBlock(&overrides_, slot, uniform_, is_whole);
}

void Ipv4Index::Editor::Replace(uint32_t first, uint32_t last,
                                absl::Span<const Ipv4Run> runs) {
  RBLD_CHECK(first <= last, "the range is inverted");
  uint64_t next_free = first;
  for (const Ipv4Run& run : runs) {
    RBLD_CHECK(run.first >= next_free && run.first <= run.last &&
                   run.last <= last && run.values != kNotListed,
               "runs must be ascending, disjoint and inside the range");
    next_free = uint64_t{run.last} + 1;
  }
  size_t run = 0;
  for (uint32_t slot = first >> 16; slot <= last >> 16; ++slot) {
    const uint32_t low = std::max(first, slot << 16);
    const uint32_t high = std::min(last, slot << 16 | 0xffff);
    pieces_.clear();
    for (; run < runs.size() && runs[run].first <= high; ++run) {
      AppendPiece(&pieces_,
                  {static_cast<uint16_t>(std::max(runs[run].first, low)),
                   static_cast<uint16_t>(std::min(runs[run].last, high)),
                   runs[run].values});
      if (runs[run].last > high) break;
    }
    ReplaceInBlock(slot, static_cast<uint16_t>(low),
                   static_cast<uint16_t>(high), pieces_);
  }
}

std::shared_ptr<const Ipv4Index> Ipv4Index::WithReplaced(
    uint32_t first, uint32_t last, absl::Span<const Ipv4Run> runs) const {
  Editor editor(*this);
  editor.Replace(first, last, runs);
  return editor.Finish();
}

void Ipv4Index::WriteBase(LocalIds* numbers, ByteSink* sink) const {
  RBLD_CHECK(sink->size() % kPageBytes == 0, "a base must begin a page");
  const uint64_t start = sink->size();
  // The blocks that did not change keep their ids.
  LocalIds locals;
  for (size_t i = 1; table_ != nullptr && i < table_->size(); ++i) {
    locals.Of((*table_)[i]);
  }
  std::vector<Ipv4BlockHead> top(kBlocks);
  std::vector<Ipv4Piece> pieces;
  std::vector<char> encoded;
  for (uint32_t slot = 0; slot < kBlocks; ++slot) {
    if (!IsNonEmpty(slot)) continue;
    const auto place =
        static_cast<uint32_t>((sink->size() - start) / sizeof(uint32_t));
    if (overrides_.Get(slot) == nullptr) {
      top[slot] = top_[slot];
      if (top_[slot].kind() == Ipv4BlockHead::kWhole) continue;
      sink->Append(data_ + size_t{4} * top_[slot].place,
                   Ipv4BlockView(top_[slot], data_).SizeBytes(top_[slot]));
      top[slot].place = place;
      continue;
    }
    pieces.clear();
    ForEachPiece(slot, 0, 0xffff, [&](Ipv4Piece piece) {
      piece.id = locals.Of(piece.id);
      AppendPiece(&pieces, piece);
    });
    encoded.clear();
    top[slot] = EncodeIpv4Block(pieces, &encoded);
    if (top[slot].kind() == Ipv4BlockHead::kWhole) continue;
    sink->Append(encoded.data(), encoded.size());
    top[slot].place = place;
  }
  BaseFoot foot;
  sink->AlignTo(sizeof(uint64_t));
  foot.top_offset = sink->size() - start;
  sink->Append(top.data(), kTopBytes);
  foot.bitmap_offset = sink->size() - start;
  sink->Append(nonempty_.data(), sizeof(nonempty_));
  std::vector<uint32_t> table;
  for (const ValueSetId values : locals.table()) {
    table.push_back(values == kNotListed ? 0 : numbers->Of(values));
  }
  foot.table_offset = sink->size() - start;
  foot.table_entries = table.size();
  sink->Append(table.data(), table.size() * sizeof(uint32_t));
  sink->AlignTo(sizeof(uint64_t));
  sink->Append(&foot, sizeof(foot));
}

absl::StatusOr<std::shared_ptr<const Ipv4Index>> Ipv4Index::FromBase(
    std::shared_ptr<const PageRegion> region,
    absl::Span<const ValueSetId> values) {
  const absl::Status malformed =
      absl::DataLossError("the index file's part for IPv4 is malformed");
  BaseFoot foot, expected;
  if (region->size() < sizeof(foot)) return malformed;
  const uint64_t end = region->size() - sizeof(foot);
  std::memcpy(&foot, region->data() + end, sizeof(foot));
  if (std::memcmp(foot.magic, expected.magic, sizeof(foot.magic)) != 0 ||
      foot.top_offset % sizeof(uint64_t) != 0 || foot.top_offset > end ||
      foot.bitmap_offset != foot.top_offset + kTopBytes ||
      foot.table_offset != foot.bitmap_offset + kBlocks / 8 ||
      foot.table_offset > end ||
      foot.table_entries > (end - foot.table_offset) / sizeof(uint32_t)) {
    return malformed;
  }
  std::vector<ValueSetId> table(static_cast<size_t>(foot.table_entries));
  for (size_t i = 0; i < table.size(); ++i) {
    uint32_t number;
    std::memcpy(&number,
                region->data() + foot.table_offset + i * sizeof(number),
                sizeof(number));
    if (number >= values.size()) return malformed;
    table[i] = values[number];
  }
  std::shared_ptr<Ipv4Index> index(new Ipv4Index());
  std::memcpy(index->nonempty_.data(), region->data() + foot.bitmap_offset,
              sizeof(index->nonempty_));
  index->SetBase(std::move(region), foot.top_offset, std::move(table));
  return std::shared_ptr<const Ipv4Index>(std::move(index));
}

std::shared_ptr<const Ipv4Index> Ipv4Index::Rebased(
    const Ipv4Index& newest, const Ipv4Index& written,
    const Ipv4Index& from_file) {
  if (newest.base_ != written.base_) return nullptr;
  std::shared_ptr<Ipv4Index> index(new Ipv4Index(from_file));
  index->nonempty_ = newest.nonempty_;
  index->TakeOverrides(newest, written, kBlocks);
  return index;
}

void Ipv4Index::TakeOverrides(const Ipv4Index& newest, const Ipv4Index& written,
                              uint32_t slots) {
  overrides_ = OverrideMap<HeapBlock>();
  OverrideMap<HeapBlock>::Editor editor(&overrides_);
  for (uint32_t slot = 0; slot < kBlocks; ++slot) {
    // A patch holds all that earlier patches of its block said, so that it may
    // lie over a base that has those in it.
    std::shared_ptr<const HeapBlock> block = newest.overrides_.Share(slot);
    if (block == nullptr ||
        (slot < slots && block.get() == written.overrides_.Get(slot))) {
      continue;
    }
    const uint64_t bytes = HeapBytes(block.get());
    editor.Set(slot, std::move(block), bytes, 0);
  }
}

std::shared_ptr<const Ipv4Index> Ipv4Index::PartlyRebased(
    const Ipv4Index& newest, const Ipv4Index& written,
    const Ipv4Index& from_file, uint32_t slots) {
  if (newest.base_ == nullptr || newest.base_ != written.base_ ||
      written.next_base_ != nullptr || from_file.base_ == nullptr ||
      (newest.next_base_ != nullptr && newest.next_base_ != from_file.base_)) {
    return nullptr;
  }
  // Ids of the old base mean the same in the new one's table.
  const std::vector<ValueSetId>& ids = *newest.table_;
  if (from_file.table_->size() < ids.size() ||
      !std::equal(ids.begin(), ids.end(), from_file.table_->begin())) {
    return nullptr;
  }
  const PageRegion& old_base = *newest.base_;
  const PageRegion& new_base = *from_file.base_;
  const char* const origin = std::min(old_base.data(), new_base.data());
  const char* const end = std::max(old_base.data() + old_base.size(),
                                   new_base.data() + new_base.size());
  if (static_cast<uint64_t>(end - origin) / 4 > UINT32_MAX) return nullptr;

  auto heads = std::make_shared<std::vector<Ipv4BlockHead>>(kBlocks);
  for (uint32_t slot = 0; slot < kBlocks; ++slot) {
    const Ipv4Index& from = slot < slots ? from_file : newest;
    Ipv4BlockHead head = from.top_[slot];
    if (HasData(head)) {
      head.place += static_cast<uint32_t>((from.data_ - origin) / 4);
    }
    (*heads)[slot] = head;
  }
  std::shared_ptr<Ipv4Index> index(new Ipv4Index(newest));
  index->next_base_ = from_file.base_;
  index->data_ = origin;
  index->top_ = heads->data();
  index->base_use_ = std::move(heads);
  index->table_ = from_file.table_;
  index->id_of_local_ = index->table_->data();
  index->TakeOverrides(newest, written, slots);
  return index;
}

std::shared_ptr<const Ipv4Index> Ipv4Index::WithoutBaseUse() const {
  std::shared_ptr<Ipv4Index> index(new Ipv4Index(*this));
  // Where the heads lie behind the base's data, they stay as long as that does;
  // between two bases they are what would go.
  if (next_base_ == nullptr) index->base_use_ = nullptr;
  return index;
}

uint32_t Ipv4Index::SlotsWithin(uint64_t bytes) const {
  for (uint32_t slot = 0; slot < kBlocks; ++slot) {
    const Ipv4BlockHead head = top_[slot];
    if (HasData(head) &&
        BaseOffset(head) + Ipv4BlockView(head, data_).SizeBytes(head) > bytes) {
      return slot;
    }
  }
  return kBlocks;
}

void Ipv4Index::ReleaseBaseBelow(uint32_t slots) const {
  for (uint32_t slot = slots; slot < kBlocks; ++slot) {
    if (HasData(top_[slot])) return base_->Release(BaseOffset(top_[slot]));
  }
}

void Ipv4Index::SetBase(std::shared_ptr<const PageRegion> base,
                        uint64_t top_offset, std::vector<ValueSetId> table) {
  base_ = std::move(base);
  base_use_ = std::make_shared<const char>();
  data_ = base_->data();
  top_ = reinterpret_cast<const Ipv4BlockHead*>(base_->data() + top_offset);
  table_ = std::make_shared<const std::vector<ValueSetId>>(std::move(table));
  id_of_local_ = table_->data();
}

uint64_t Ipv4Index::MemoryBytes() const {
  if (base_ == nullptr) return sizeof(*this) + overrides_.MemoryBytes();
  return sizeof(*this) + overrides_.MemoryBytes() + base_->size() +
         table_->capacity() * sizeof(ValueSetId);
}

}  // namespace rbld
