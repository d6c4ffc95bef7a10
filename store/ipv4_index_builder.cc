#include <algorithm>
#include <cstring>
#include <utility>

#include "store/check.h"
#include "store/ipv4_index.h"

namespace rbld {
namespace {

// How much is gathered before it is written to a file.
constexpr size_t kFileWriteBytes = size_t{256} << 10;

}  // namespace

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
  status_ = file_.WriteAt(data_bytes_ - unwritten_.size(), unwritten_.data(),
                          unwritten_.size());
  unwritten_.clear();
}

std::shared_ptr<const Ipv4Index> Ipv4IndexBuilder::Build() {
  if (pending_.values == kNotListed) return Ipv4Index::Empty();
  FlushRun();
  FlushBlock();

  const uint64_t top_offset = (data_bytes_ + sizeof(uint64_t) - 1) /
                              sizeof(uint64_t) * sizeof(uint64_t);
  const auto total_bytes =
      static_cast<size_t>(top_offset + Ipv4Index::kTopBytes);
  std::shared_ptr<PageRegion> base;
  if (file_.ok()) {
    FlushToFile();
    if (status_.ok()) {
      status_ = file_.WriteAt(top_offset, top_.data(), Ipv4Index::kTopBytes);
    }
    if (!status_.ok()) return Ipv4Index::Empty();
    base = std::make_shared<PageRegion>(
        PageRegion::MapFile(file_.fd(), total_bytes));
  } else {
    base = std::make_shared<PageRegion>(total_bytes);
    data_.MoveTo(base->data());
    std::memcpy(base->data() + top_offset, top_.data(), Ipv4Index::kTopBytes);
  }

  std::shared_ptr<Ipv4Index> index(new Ipv4Index());
  index->nonempty_ = nonempty_;
  index->SetBase(std::move(base), top_offset, local_ids_.table());
  *this = Ipv4IndexBuilder();
  return index;
}

}  // namespace rbld
