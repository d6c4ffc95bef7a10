#include "store/ipv6_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "store/check.h"

namespace rbld {
namespace {

constexpr Ipv6Number kLastAddress = ~Ipv6Number{0};

// A base is position independent: header, keys of the leaves, their offsets in
// the leaf data, the leaf data, table of value set ids, padding.
struct BaseHeader {
  char magic[8] = {'R', 'B', 'L', 'D', 'I', 'P', '6', '\1'};
  uint64_t total_bytes = 0;
  uint64_t leaf_count = 0;
  uint64_t keys_offset = 0;
  uint64_t offsets_offset = 0;
  uint64_t leaves_offset = 0;
  uint64_t table_offset = 0;
  uint64_t table_entries = 0;
};
static_assert(sizeof(BaseHeader) == 64);

uint64_t LoadBigEndian(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return __builtin_bswap64(word);
}

Ipv6Number ToNumber(const AddressBytes& address) {
  return JoinHalves(LoadBigEndian(address.data()),
                    LoadBigEndian(address.data() + 8));
}

AddressBytes ToBytes(Ipv6Number address) {
  const uint64_t words[2] = {__builtin_bswap64(HighHalf(address)),
                             __builtin_bswap64(LowHalf(address))};
  AddressBytes bytes;
  std::memcpy(bytes.data(), words, sizeof(words));
  return bytes;
}

// The last key that is not behind `address`; keys[0] is not.
size_t FindKey(const std::vector<Ipv6Number>& keys, Ipv6Number address) {
  const Ipv6Number* base = keys.data();
  size_t count = keys.size();
  // Without a branch that depends on the keys: they are random.
  while (count > 1) {
    const size_t half = count / 2;
    base += base[half] <= address ? half : 0;
    count -= half;
  }
  return static_cast<size_t>(base - keys.data());
}

}  // namespace

std::shared_ptr<const Ipv6Index> Ipv6Index::Empty() {
  // Never destroyed, so that it may be used until the process ends.
  static const auto* const empty =
      new std::shared_ptr<const Ipv6Index>(new Ipv6Index());
  return *empty;
}

Ipv6Index::Place Ipv6Index::PlaceOf(Ipv6Number address) const {
  const size_t page = FindKey(page_keys_, address);
  return {page, FindKey(pages_[page]->keys, address)};
}

const char* Ipv6Index::LeafOf(Ipv6Number address) const {
  const Page& page = *pages_[FindKey(page_keys_, address)];
  return page.leaves[FindKey(page.keys, address)].get();
}

ValueSetId Ipv6Index::Lookup(const AddressBytes& address) const {
  if (pages_.empty()) return kNotListed;
  const Ipv6Number number = ToNumber(address);
  const Ipv6LeafView leaf(LeafOf(number));
  const uint32_t id = leaf.Lookup(HighHalf(number), LowHalf(number));
  return leaf.ids_are_own() ? id : id_of_local_[id];
}

void Ipv6Index::Prefetch(const AddressBytes& address) const {
  if (pages_.empty()) return;
  const Ipv6Number number = ToNumber(address);
  const char* leaf = LeafOf(number);
  PrefetchLine(leaf);
  PrefetchLine(leaf + 64);
}

template <typename Visit>
void Ipv6Index::VisitLeaves(Ipv6Number first, Ipv6Number last,
                            const Visit& visit) const {
  if (pages_.empty()) return;
  Place place = PlaceOf(first);
  for (; place.page < pages_.size(); ++place.page, place.leaf = 0) {
    const Page& page = *pages_[place.page];
    for (; place.leaf < page.leaves.size(); ++place.leaf) {
      if (page.keys[place.leaf] > last) return;
      if (!visit(page.leaves[place.leaf].get())) return;
    }
  }
}

bool Ipv6Index::AnyWithin(const AddressBytes& first,
                          const AddressBytes& last) const {
  const Ipv6Number first_number = ToNumber(first);
  const Ipv6Number last_number = ToNumber(last);
  bool found = false;
  // Few leaves are empty, so that this ends soon also for a wide range.
  VisitLeaves(first_number, last_number, [&](const char* leaf) {
    found = Ipv6LeafView(leaf).AnyWithin(first_number, last_number);
    return !found;
  });
  return found;
}

void Ipv6Index::AppendPieces(const char* leaf, Ipv6Number first,
                             Ipv6Number last,
                             std::vector<Ipv6Piece>* pieces) const {
  const Ipv6LeafView view(leaf);
  // Only joins what has the same id, so ids must be of one kind first.
  std::vector<Ipv6Piece> found;
  view.AppendPieces(first, last, &found);
  for (Ipv6Piece& piece : found) {
    if (!view.ids_are_own()) piece.id = id_of_local_[piece.id];
    AppendPiece(pieces, piece);
  }
}

void Ipv6Index::ForEachRun(
    const AddressBytes& first, const AddressBytes& last,
    const std::function<bool(const Ipv6Run&)>& sink) const {
  const Ipv6Number first_number = ToNumber(first);
  const Ipv6Number last_number = ToNumber(last);
  std::vector<Ipv6Piece> pieces;
  auto pass_on = [&sink](const Ipv6Piece& piece) {
    return sink({ToBytes(piece.first), ToBytes(piece.last), piece.id});
  };
  bool go_on = true;
  VisitLeaves(first_number, last_number, [&](const char* leaf) {
    AppendPieces(leaf, first_number, last_number, &pieces);
    // The last piece may go on in the next leaf.
    for (size_t i = 0; go_on && i + 1 < pieces.size(); ++i) {
      go_on = pass_on(pieces[i]);
    }
    if (pieces.size() > 1) pieces.erase(pieces.begin(), pieces.end() - 1);
    return go_on;
  });
  if (go_on && !pieces.empty()) pass_on(pieces[0]);
}

Ipv6Index::Leaf Ipv6Index::MakeLeaf(absl::Span<const Ipv6Piece> pieces) {
  auto bytes = std::make_shared<std::vector<char>>();
  EncodeIpv6Leaf(pieces, /*ids_are_own=*/true, bytes.get());
  bytes->resize(bytes->size() + kIndexPadBytes, 0);
  bytes->shrink_to_fit();
  const char* leaf = bytes->data();
  return Leaf(std::move(bytes), leaf);
}

void Ipv6Index::CountLeaf(const char* leaf, bool added) {
  const Ipv6LeafView view(leaf);
  if (!view.ids_are_own()) return;
  // The vector with its counters, and the allocations' own heads.
  constexpr uint64_t kOverheadBytes = 64;
  const uint64_t bytes = view.SizeBytes() + kIndexPadBytes + kOverheadBytes;
  if (added) {
    ++changed_leaves_;
    changed_bytes_ += bytes;
  } else {
    --changed_leaves_;
    changed_bytes_ -= bytes;
  }
}

void Ipv6Index::AddPages(Page content) {
  const size_t leaves = content.leaves.size();
  if (leaves <= kMostPageLeaves) {
    page_keys_.push_back(content.keys[0]);
    pages_.push_back(std::make_shared<const Page>(std::move(content)));
    return;
  }
  const size_t count = (leaves + kPageLeaves - 1) / kPageLeaves;
  for (size_t i = 0; i < count; ++i) {
    const auto begin = static_cast<ptrdiff_t>(leaves * i / count);
    const auto end = static_cast<ptrdiff_t>(leaves * (i + 1) / count);
    Page page;
    page.keys.assign(content.keys.begin() + begin, content.keys.begin() + end);
    page.leaves.assign(content.leaves.begin() + begin,
                       content.leaves.begin() + end);
    page_keys_.push_back(page.keys[0]);
    pages_.push_back(std::make_shared<const Page>(std::move(page)));
  }
}

std::vector<Ipv6Piece> Ipv6Index::ReplacedPieces(
    Ipv6Number first, Ipv6Number last, absl::Span<const Ipv6Run> runs) const {
  std::vector<Ipv6Piece> pieces;
  if (!pages_.empty() && first > 0) {
    AppendPieces(LeafOf(first), 0, first - 1, &pieces);
  }
  Ipv6Number next_free = first;
  for (const Ipv6Run& run : runs) {
    const Ipv6Piece piece = {ToNumber(run.first), ToNumber(run.last),
                             run.values};
    // Behind the last address next_free is 0: there must be no more runs.
    RBLD_CHECK(piece.first >= next_free && piece.first <= piece.last &&
                   piece.last <= last && piece.id != kNotListed &&
                   (next_free != 0 || &run == &runs[0]),
               "runs must be ascending, disjoint and inside the range");
    next_free = piece.last + 1;
    AppendPiece(&pieces, piece);
  }
  if (!pages_.empty() && last < kLastAddress) {
    AppendPieces(LeafOf(last), last + 1, kLastAddress, &pieces);
  }
  return pieces;
}

void Ipv6Index::AddLeaves(absl::Span<const Ipv6Piece> pieces,
                          Ipv6Number leaf_key, Page* page) {
  const size_t count =
      pieces.size() <= kIpv6MostLeafPieces
          ? (pieces.empty() ? 0 : 1)
          : (pieces.size() + kIpv6LeafPieces - 1) / kIpv6LeafPieces;
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = pieces.size() * i / count;
    const size_t end = pieces.size() * (i + 1) / count;
    page->keys.push_back(i == 0 ? leaf_key : pieces[begin].first);
    page->leaves.push_back(MakeLeaf(pieces.subspan(begin, end - begin)));
    CountLeaf(page->leaves.back().get(), /*added=*/true);
  }
}

std::shared_ptr<const Ipv6Index> Ipv6Index::WithReplaced(
    const AddressBytes& first_address, const AddressBytes& last_address,
    absl::Span<const Ipv6Run> runs) const {
  const Ipv6Number first = ToNumber(first_address);
  const Ipv6Number last = ToNumber(last_address);
  RBLD_CHECK(first <= last, "the range is inverted");
  const std::vector<Ipv6Piece> pieces = ReplacedPieces(first, last, runs);

  std::shared_ptr<Ipv6Index> next(new Ipv6Index());
  next->base_ = base_;
  next->id_of_local_ = id_of_local_;
  next->changed_leaves_ = changed_leaves_;
  next->changed_bytes_ = changed_bytes_;
  // The pages touched become one, which may be cut again: leaves before, new
  // leaves, leaves behind.
  Page content;
  if (pages_.empty()) {
    next->AddLeaves(pieces, 0, &content);
    if (!content.leaves.empty()) next->AddPages(std::move(content));
    return next;
  }
  const Place from = PlaceOf(first);
  const Place to = PlaceOf(last);
  const auto pages_before = static_cast<ptrdiff_t>(from.page);
  const auto pages_behind = static_cast<ptrdiff_t>(to.page + 1);
  next->page_keys_.assign(page_keys_.begin(),
                          page_keys_.begin() + pages_before);
  next->pages_.assign(pages_.begin(), pages_.begin() + pages_before);
  for (Place old = from; old.page <= to.page; ++old.page, old.leaf = 0) {
    const std::vector<Leaf>& leaves = pages_[old.page]->leaves;
    const size_t end = old.page == to.page ? to.leaf + 1 : leaves.size();
    for (; old.leaf < end; ++old.leaf) {
      next->CountLeaf(leaves[old.leaf].get(), /*added=*/false);
    }
  }

  const Page& first_page = *pages_[from.page];
  const auto before = static_cast<ptrdiff_t>(from.leaf);
  content.keys.assign(first_page.keys.begin(),
                      first_page.keys.begin() + before);
  content.leaves.assign(first_page.leaves.begin(),
                        first_page.leaves.begin() + before);
  next->AddLeaves(pieces, first_page.keys[from.leaf], &content);
  const Page& last_page = *pages_[to.page];
  const auto behind = static_cast<ptrdiff_t>(to.leaf + 1);
  content.keys.insert(content.keys.end(), last_page.keys.begin() + behind,
                      last_page.keys.end());
  content.leaves.insert(content.leaves.end(), last_page.leaves.begin() + behind,
                        last_page.leaves.end());
  if (content.leaves.empty()) {
    // A page must have a leaf.
    content.keys.push_back(first_page.keys[0]);
    content.leaves.push_back(MakeLeaf({}));
    next->CountLeaf(content.leaves.back().get(), /*added=*/true);
  }
  // Without new leaves, those before take over the stretch; but the first leaf
  // of a page has the page's key in any case.
  content.keys[0] = first_page.keys[0];
  next->AddPages(std::move(content));
  next->page_keys_.insert(next->page_keys_.end(),
                          page_keys_.begin() + pages_behind, page_keys_.end());
  next->pages_.insert(next->pages_.end(), pages_.begin() + pages_behind,
                      pages_.end());
  return next;
}

uint64_t Ipv6Index::MemoryBytes() const {
  uint64_t bytes = sizeof(*this) + changed_bytes_;
  if (base_ != nullptr) bytes += base_->size();
  bytes += page_keys_.capacity() * sizeof(Ipv6Number) +
           pages_.capacity() * sizeof(pages_[0]);
  for (const auto& page : pages_) {
    bytes += sizeof(Page) + page->keys.capacity() * sizeof(Ipv6Number) +
             page->leaves.capacity() * sizeof(Leaf);
  }
  return bytes;
}

void Ipv6IndexBuilder::Add(const AddressBytes& first_address,
                           const AddressBytes& last_address,
                           ValueSetId values) {
  const Ipv6Number first = ToNumber(first_address);
  const Ipv6Number last = ToNumber(last_address);
  RBLD_CHECK(first <= last && values != kNotListed, "not a run");
  RBLD_CHECK(pieces_.empty() || first > pieces_.back().last,
             "runs must be ascending and disjoint");
  const Ipv6Piece piece = {first, last, local_ids_.Of(values)};
  const bool joins = !pieces_.empty() && pieces_.back().id == piece.id &&
                     pieces_.back().last + 1 == first;
  if (pieces_.size() == kIpv6LeafPieces && !joins) FlushLeaf();
  AppendPiece(&pieces_, piece);
}

void Ipv6IndexBuilder::FlushLeaf() {
  if (pieces_.empty()) return;
  encoded_.clear();
  EncodeIpv6Leaf(pieces_, /*ids_are_own=*/false, &encoded_);
  keys_.push_back(keys_.empty() ? 0 : pieces_[0].first);
  offsets_.push_back(leaves_.size());
  leaves_.Append(encoded_.data(), encoded_.size());
  pieces_.clear();
}

std::shared_ptr<const Ipv6Index> Ipv6IndexBuilder::Build() {
  FlushLeaf();
  if (keys_.empty()) return Ipv6Index::Empty();

  BaseHeader header;
  header.leaf_count = keys_.size();
  header.keys_offset = sizeof(header);
  header.offsets_offset =
      header.keys_offset + keys_.size() * sizeof(Ipv6Number);
  header.leaves_offset =
      header.offsets_offset + offsets_.size() * sizeof(uint64_t);
  header.table_offset = header.leaves_offset + leaves_.size();
  header.table_entries = local_ids_.table().size();
  header.total_bytes = header.table_offset +
                       header.table_entries * sizeof(ValueSetId) +
                       kIndexPadBytes;
  auto base =
      std::make_shared<PageRegion>(static_cast<size_t>(header.total_bytes));
  char* bytes = base->data();
  std::memcpy(bytes, &header, sizeof(header));
  std::memcpy(bytes + header.keys_offset, keys_.data(),
              keys_.size() * sizeof(Ipv6Number));
  std::memcpy(bytes + header.offsets_offset, offsets_.data(),
              offsets_.size() * sizeof(uint64_t));
  leaves_.MoveTo(bytes + header.leaves_offset);
  std::memcpy(bytes + header.table_offset, local_ids_.table().data(),
              header.table_entries * sizeof(ValueSetId));

  std::shared_ptr<Ipv6Index> index(new Ipv6Index());
  index->base_ = std::move(base);
  index->id_of_local_ =
      reinterpret_cast<const ValueSetId*>(bytes + header.table_offset);
  Ipv6Index::Page content;
  content.keys = std::move(keys_);
  content.leaves.reserve(offsets_.size());
  for (uint64_t offset : offsets_) {
    content.leaves.emplace_back(index->base_,
                                bytes + header.leaves_offset + offset);
  }
  index->AddPages(std::move(content));
  *this = Ipv6IndexBuilder();
  return index;
}

}  // namespace rbld
