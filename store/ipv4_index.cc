#include "store/ipv4_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "store/check.h"

namespace rbld {
namespace {

// A base is position independent: header, bitmap of non-empty blocks, block
// heads, data of the blocks, table of value set ids, padding.
struct BaseHeader {
  char magic[8] = {'R', 'B', 'L', 'D', 'I', 'P', '4', '\1'};
  uint64_t total_bytes = 0;
  uint64_t bitmap_offset = 0;
  uint64_t top_offset = 0;
  uint64_t data_offset = 0;
  uint64_t table_offset = 0;
  uint64_t table_entries = 0;
  uint64_t reserved = 0;
};
static_assert(sizeof(BaseHeader) == 64);

// Known before the data is, so that it can be written as it comes.
constexpr uint64_t kDataOffset =
    sizeof(BaseHeader) + 65536 / 8 + 65536 * sizeof(Ipv4BlockHead);

// How much is gathered before it is written to a file.
constexpr size_t kFileWriteBytes = size_t{256} << 10;

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
  if (const HeapBlock* block = overrides_.Get(slot)) {
    return AnyWithinIpv4Block(block->head, block->data.data(), first, last);
  }
  return top_ != nullptr && AnyWithinIpv4Block(top_[slot], data_, first, last);
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
void Ipv4Index::ForEachPiece(uint32_t slot, uint16_t first, uint16_t last,
                             const Sink& sink) const {
  if (const HeapBlock* block = overrides_.Get(slot)) {
    ForEachIpv4Piece(block->head, block->data.data(), first, last, sink);
  } else if (top_ != nullptr) {
    ForEachIpv4Piece(top_[slot], data_, first, last,
                     [this, &sink](Ipv4Piece piece) {
                       piece.id = id_of_local_[piece.id];
                       sink(piece);
                     });
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

uint64_t Ipv4Index::HeapBytes(const HeapBlock* block) {
  if (block == nullptr) return 0;
  // The shared pointer's counters and the two allocations' own heads.
  constexpr uint64_t kOverheadBytes = 32;
  return sizeof(HeapBlock) + block->data.capacity() + kOverheadBytes;
}

void Ipv4Index::SetBlock(OverrideMap<HeapBlock>::Editor* editor, uint32_t slot,
                         const std::shared_ptr<const HeapBlock>& block) {
  const uint64_t old_bytes = HeapBytes(overrides_.Get(slot));
  editor->Set(slot, block, HeapBytes(block.get()), old_bytes);
  const uint64_t bit = uint64_t{1} << (slot % 64);
  if (block->head.kind() == Ipv4BlockHead::kEmpty) {
    nonempty_[slot / 64] &= ~bit;
  } else {
    nonempty_[slot / 64] |= bit;
  }
}

std::shared_ptr<const Ipv4Index> Ipv4Index::WithReplaced(
    uint32_t first, uint32_t last, absl::Span<const Ipv4Run> runs) const {
  RBLD_CHECK(first <= last, "the range is inverted");
  uint64_t next_free = first;
  for (const Ipv4Run& run : runs) {
    RBLD_CHECK(run.first >= next_free && run.first <= run.last &&
                   run.last <= last && run.values != kNotListed,
               "runs must be ascending, disjoint and inside the range");
    next_free = uint64_t{run.last} + 1;
  }

  std::shared_ptr<Ipv4Index> next(new Ipv4Index(*this));
  OverrideMap<HeapBlock>::Editor editor(&next->overrides_);
  std::vector<Ipv4Piece> pieces;
  auto append = [&pieces](const Ipv4Piece& piece) {
    AppendPiece(&pieces, piece);
  };
  // Of a wide range most blocks are the same: whole or empty.
  std::shared_ptr<const HeapBlock> uniform;
  ValueSetId uniform_values = kNotListed;
  size_t run = 0;
  for (uint32_t slot = first >> 16; slot <= last >> 16; ++slot) {
    const uint32_t block_first = slot << 16;
    const uint32_t block_last = block_first | 0xffff;
    const uint32_t low = std::max(first, block_first);
    const uint32_t high = std::min(last, block_last);
    pieces.clear();
    if (low > block_first) {
      ForEachPiece(slot, 0, static_cast<uint16_t>(low - 1), append);
    }
    for (; run < runs.size() && runs[run].first <= high; ++run) {
      append({static_cast<uint16_t>(std::max(runs[run].first, low)),
              static_cast<uint16_t>(std::min(runs[run].last, high)),
              runs[run].values});
      if (runs[run].last > high) break;
    }
    if (high < block_last) {
      ForEachPiece(slot, static_cast<uint16_t>(high + 1), 0xffff, append);
    }

    const bool whole =
        pieces.size() == 1 && pieces[0].first == 0 && pieces[0].last == 0xffff;
    if (!whole && !pieces.empty()) {
      next->SetBlock(&editor, slot, MakeBlock(pieces));
      continue;
    }
    const ValueSetId values = whole ? pieces[0].id : kNotListed;
    if (uniform == nullptr || uniform_values != values) {
      uniform = MakeBlock(pieces);
      uniform_values = values;
    }
    next->SetBlock(&editor, slot, uniform);
  }
  return next;
}

uint64_t Ipv4Index::MemoryBytes() const {
  return sizeof(*this) + overrides_.MemoryBytes() +
         (base_ == nullptr ? 0 : base_->size());
}

void Ipv4IndexBuilder::Add(uint32_t first, uint32_t last, ValueSetId values) {
  RBLD_CHECK(first <= last && values != kNotListed, "not a run");
  if (pending_.values != kNotListed) {
    RBLD_CHECK(first > pending_.last, "runs must be ascending and disjoint");
    if (values == pending_.values && first == pending_.last + 1) {
      pending_.last = last;
      return;
    }
    FlushRun();
  }
  pending_ = {first, last, values};
}

void Ipv4IndexBuilder::FlushRun() {
  const uint32_t local = local_ids_.Of(pending_.values);
  for (uint32_t slot = pending_.first >> 16; slot <= pending_.last >> 16;
       ++slot) {
    const uint32_t block_first = slot << 16;
    AddPiece(
        slot,
        {static_cast<uint16_t>(std::max(pending_.first, block_first)),
         static_cast<uint16_t>(std::min(pending_.last, block_first | 0xffff)),
         local});
  }
}

void Ipv4IndexBuilder::AddPiece(uint32_t slot, Ipv4Piece piece) {
  if (slot != slot_) FlushBlock();
  slot_ = slot;
  pieces_.push_back(piece);
}

void Ipv4IndexBuilder::FlushBlock() {
  if (pieces_.empty()) return;
  if (top_.empty()) top_.resize(Ipv4Index::kBlocks);
  encoded_.clear();
  Ipv4BlockHead head = EncodeIpv4Block(pieces_, &encoded_);
  if (head.kind() != Ipv4BlockHead::kWhole) {
    RBLD_CHECK(data_bytes_ / 4 <= UINT32_MAX, "the index is full");
    head.place = static_cast<uint32_t>(data_bytes_ / 4);
    AppendData(encoded_);
  }
  top_[slot_] = head;
  nonempty_[slot_ / 64] |= uint64_t{1} << (slot_ % 64);
  pieces_.clear();
}

void Ipv4IndexBuilder::AppendData(const std::vector<char>& data) {
  data_bytes_ += data.size();
  if (!file_.ok()) {
    data_.Append(data.data(), data.size());
    return;
  }
  unwritten_.insert(unwritten_.end(), data.begin(), data.end());
  if (unwritten_.size() >= kFileWriteBytes) FlushToFile();
}

void Ipv4IndexBuilder::FlushToFile() {
  if (!status_.ok()) return;
  status_ = file_.WriteAt(kDataOffset + data_bytes_ - unwritten_.size(),
                          unwritten_.data(), unwritten_.size());
  unwritten_.clear();
}

std::shared_ptr<const Ipv4Index> Ipv4IndexBuilder::Build() {
  if (pending_.values == kNotListed) return Ipv4Index::Empty();
  FlushRun();
  FlushBlock();

  BaseHeader header;
  header.bitmap_offset = sizeof(header);
  header.top_offset = header.bitmap_offset + sizeof(nonempty_);
  header.data_offset = kDataOffset;
  header.table_offset = header.data_offset + data_bytes_;
  header.table_entries = local_ids_.table().size();
  const uint64_t table_bytes = header.table_entries * sizeof(ValueSetId);
  header.total_bytes = header.table_offset + table_bytes + kIndexPadBytes;
  std::shared_ptr<PageRegion> base;
  if (file_.ok()) {
    FlushToFile();
    const auto write = [this](uint64_t offset, const void* bytes,
                              uint64_t count) {
      if (status_.ok()) status_ = file_.WriteAt(offset, bytes, count);
    };
    static constexpr char kPad[kIndexPadBytes] = {};
    write(0, &header, sizeof(header));
    write(header.bitmap_offset, nonempty_.data(), sizeof(nonempty_));
    write(header.top_offset, top_.data(), top_.size() * sizeof(Ipv4BlockHead));
    write(header.table_offset, local_ids_.table().data(), table_bytes);
    write(header.table_offset + table_bytes, kPad, sizeof(kPad));
    if (!status_.ok()) return Ipv4Index::Empty();
    base = std::make_shared<PageRegion>(PageRegion::MapFile(
        file_.fd(), static_cast<size_t>(header.total_bytes)));
  } else {
    base =
        std::make_shared<PageRegion>(static_cast<size_t>(header.total_bytes));
    char* const bytes = base->data();
    std::memcpy(bytes, &header, sizeof(header));
    std::memcpy(bytes + header.bitmap_offset, nonempty_.data(),
                sizeof(nonempty_));
    std::memcpy(bytes + header.top_offset, top_.data(),
                top_.size() * sizeof(Ipv4BlockHead));
    data_.MoveTo(bytes + header.data_offset);
    std::memcpy(bytes + header.table_offset, local_ids_.table().data(),
                table_bytes);
  }
  const char* const bytes = base->data();

  std::shared_ptr<Ipv4Index> index(new Ipv4Index());
  index->nonempty_ = nonempty_;
  index->top_ =
      reinterpret_cast<const Ipv4BlockHead*>(bytes + header.top_offset);
  index->data_ = bytes + header.data_offset;
  index->id_of_local_ =
      reinterpret_cast<const ValueSetId*>(bytes + header.table_offset);
  index->base_ = std::move(base);
  *this = Ipv4IndexBuilder();
  return index;
}

}  // namespace rbld
