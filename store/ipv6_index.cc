#include "store/ipv6_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "store/check.h"

namespace rbld {
namespace {

constexpr Ipv6Number kLastAddress = ~Ipv6Number{0};

// The end of a base in a file. Before it stand, position independent: the
// leaves, their keys, their offsets, and for each id in them the number of its
// value set.
struct BaseFoot {
  char magic[8] = {'R', 'B', 'L', 'D', 'I', 'P', '6', '\2'};
  uint64_t leaf_count = 0;
  uint64_t keys_offset = 0;
  uint64_t offsets_offset = 0;
  uint64_t table_offset = 0;
  uint64_t table_entries = 0;
  uint64_t reserved[2] = {};
};
static_assert(sizeof(BaseFoot) == 64);

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

}  // namespace

std::shared_ptr<const Ipv6Index> Ipv6Index::Empty() {
  // Never destroyed, so that it may be used until the process ends.
  static const auto* const empty =
      new std::shared_ptr<const Ipv6Index>(new Ipv6Index());
  return *empty;
}

Ipv6Index::Place Ipv6Index::PlaceOf(Ipv6Number address) const {
  const size_t page = page_keys_.FindLast(address);
  return {page, pages_[page]->keys.FindLast(address)};
}

const char* Ipv6Index::LeafOf(Ipv6Number address) const {
  const Page& page = *pages_[page_keys_.FindLast(address)];
  return page.leaves[page.keys.FindLast(address)].get();
}

ValueSetId Ipv6Index::Lookup(const AddressBytes& address) const {
  return Lookup(FindLeaf(FindBlock(address), address), address);
}

Ipv6Index::Block Ipv6Index::FindBlock(const AddressBytes& address) const {
  if (pages_.empty()) return {};
  const Ipv6Number number = ToNumber(address);
  const Page* const page = pages_[page_keys_.FindLast(number)].get();
  const size_t begin = page->keys.FindBlock(number);
  PrefetchLine(page->places.data() + begin);
  PrefetchLine(page->places.data() + begin + Ipv6Keys::kBlock - 1);
  return {page, begin};
}

const char* Ipv6Index::FindLeaf(const Block& block,
                                const AddressBytes& address) {
  if (block.page == nullptr) return nullptr;
  const size_t at = block.page->keys.FindLastIn(block.begin, ToNumber(address));
  const char* const leaf = block.page->places[at];
  PrefetchLine(leaf);
  return leaf;
}

void Ipv6Index::Prefetch(const char* leaf, const AddressBytes& address) {
  if (leaf == nullptr) return;
  Ipv6LeafView(leaf).Prefetch(LoadBigEndian(address.data()));
}

ValueSetId Ipv6Index::Lookup(const char* leaf,
                             const AddressBytes& address) const {
  if (leaf == nullptr) return kNotListed;
  const Ipv6LeafView view(leaf);
  const uint32_t id = view.Lookup(LoadBigEndian(address.data()),
                                  LoadBigEndian(address.data() + 8));
  return view.ids_are_own() ? id : id_of_local_[id];
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

void Ipv6Index::Page::SetPlaces() {
  places.clear();
  places.reserve(leaves.size());
  for (const Leaf& leaf : leaves) places.push_back(leaf.get());
}

void Ipv6Index::AddPages(Page content) {
  const size_t leaves = content.leaves.size();
  if (leaves <= kMostPageLeaves) {
    content.SetPlaces();
    page_keys_.Add(content.keys[0]);
    pages_.push_back(std::make_shared<const Page>(std::move(content)));
    return;
  }
  const size_t count = (leaves + kPageLeaves - 1) / kPageLeaves;
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = leaves * i / count;
    const size_t end = leaves * (i + 1) / count;
    Page page;
    page.keys.Append(content.keys, begin, end);
    page.leaves.assign(content.leaves.begin() + static_cast<ptrdiff_t>(begin),
                       content.leaves.begin() + static_cast<ptrdiff_t>(end));
    page.SetPlaces();
    page_keys_.Add(page.keys[0]);
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
    page->keys.Add(i == 0 ? leaf_key : pieces[begin].first);
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
  next->table_ = table_;
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
  next->page_keys_.Append(page_keys_, 0, from.page);
  next->pages_.assign(pages_.begin(),
                      pages_.begin() + static_cast<ptrdiff_t>(from.page));
  for (Place old = from; old.page <= to.page; ++old.page, old.leaf = 0) {
    const std::vector<Leaf>& leaves = pages_[old.page]->leaves;
    const size_t end = old.page == to.page ? to.leaf + 1 : leaves.size();
    for (; old.leaf < end; ++old.leaf) {
      next->CountLeaf(leaves[old.leaf].get(), /*added=*/false);
    }
  }

  const Page& first_page = *pages_[from.page];
  content.keys.Append(first_page.keys, 0, from.leaf);
  content.leaves.assign(
      first_page.leaves.begin(),
      first_page.leaves.begin() + static_cast<ptrdiff_t>(from.leaf));
  next->AddLeaves(pieces, first_page.keys[from.leaf], &content);
  const Page& last_page = *pages_[to.page];
  const size_t behind = to.leaf + 1;
  content.keys.Append(last_page.keys, behind, last_page.keys.size());
  content.leaves.insert(
      content.leaves.end(),
      last_page.leaves.begin() + static_cast<ptrdiff_t>(behind),
      last_page.leaves.end());
  if (content.leaves.empty()) {
    // A page must have a leaf.
    content.keys.Add(first_page.keys[0]);
    content.leaves.push_back(MakeLeaf({}));
    next->CountLeaf(content.leaves.back().get(), /*added=*/true);
  }
  // Without new leaves, those before take over the stretch; but the first leaf
  // of a page has the page's key in any case.
  content.keys.ReplaceFirst(first_page.keys[0]);
  next->AddPages(std::move(content));
  const size_t pages_behind = to.page + 1;
  next->page_keys_.Append(page_keys_, pages_behind, page_keys_.size());
  next->pages_.insert(next->pages_.end(),
                      pages_.begin() + static_cast<ptrdiff_t>(pages_behind),
                      pages_.end());
  return next;
}

uint64_t Ipv6Index::MemoryBytes() const {
  uint64_t bytes = sizeof(*this) + changed_bytes_;
  if (base_ != nullptr) {
    bytes += base_->size() + table_->capacity() * sizeof(ValueSetId);
  }
  bytes += page_keys_.MemoryBytes() + pages_.capacity() * sizeof(pages_[0]);
  for (const auto& page : pages_) {
    bytes += sizeof(Page) + page->keys.MemoryBytes() +
             page->leaves.capacity() * sizeof(Leaf) +
             page->places.capacity() * sizeof(page->places[0]);
  }
  return bytes;
}

template <typename Visit>
void Ipv6Index::ForEachLeaf(const Visit& visit) const {
  for (const auto& page : pages_) {
    for (size_t i = 0; i < page->leaves.size(); ++i) {
      visit(page->keys[i], page->leaves[i]);
    }
  }
}

void Ipv6Index::SetBase(std::shared_ptr<const PageRegion> base,
                        absl::Span<const Ipv6Number> keys,
                        absl::Span<const uint64_t> leaves,
                        std::vector<ValueSetId> table) {
  base_ = std::move(base);
  table_ = std::make_shared<const std::vector<ValueSetId>>(std::move(table));
  id_of_local_ = table_->data();
  Page content;
  for (const Ipv6Number key : keys) content.keys.Add(key);
  content.leaves.reserve(leaves.size());
  for (const uint64_t offset : leaves) {
    content.leaves.emplace_back(base_, base_->data() + offset);
  }
  AddPages(std::move(content));
}

void Ipv6Index::WriteBase(LocalIds* numbers, ByteSink* sink) const {
  const uint64_t start = sink->size();
  // The leaves that did not change keep their ids.
  LocalIds locals;
  for (size_t i = 1; table_ != nullptr && i < table_->size(); ++i) {
    locals.Of((*table_)[i]);
  }
  std::vector<Ipv6Number> keys;
  std::vector<uint64_t> offsets;
  std::vector<Ipv6Piece> pieces;
  std::vector<char> encoded;
  ForEachLeaf([&](Ipv6Number key, const Leaf& leaf) {
    keys.push_back(key);
    offsets.push_back(sink->size() - start);
    const Ipv6LeafView view(leaf.get());
    if (!view.ids_are_own()) {
      sink->Append(leaf.get(), view.SizeBytes());
    } else {
      pieces.clear();
      view.AppendPieces(0, kLastAddress, &pieces);
      for (Ipv6Piece& piece : pieces) piece.id = locals.Of(piece.id);
      encoded.clear();
      EncodeIpv6Leaf(pieces, /*ids_are_own=*/false, &encoded);
      sink->Append(encoded.data(), encoded.size());
    }
    sink->AlignTo(sizeof(uint64_t));
  });
  static constexpr char kPad[kIndexPadBytes] = {};
  sink->Append(kPad, sizeof(kPad));
  BaseFoot foot;
  foot.leaf_count = keys.size();
  sink->AlignTo(sizeof(Ipv6Number));
  foot.keys_offset = sink->size() - start;
  sink->Append(keys.data(), keys.size() * sizeof(Ipv6Number));
  foot.offsets_offset = sink->size() - start;
  sink->Append(offsets.data(), offsets.size() * sizeof(uint64_t));
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

absl::StatusOr<std::shared_ptr<const Ipv6Index>> Ipv6Index::FromBase(
    std::shared_ptr<const PageRegion> region,
    absl::Span<const ValueSetId> values) {
  const absl::Status malformed =
      absl::DataLossError("the index file's part for IPv6 is malformed");
  BaseFoot foot, expected;
  if (region->size() < sizeof(foot)) return malformed;
  const uint64_t end = region->size() - sizeof(foot);
  std::memcpy(&foot, region->data() + end, sizeof(foot));
  if (std::memcmp(foot.magic, expected.magic, sizeof(foot.magic)) != 0 ||
      foot.keys_offset % sizeof(Ipv6Number) != 0 || foot.keys_offset > end ||
      foot.leaf_count > end / sizeof(Ipv6Number) ||
      foot.offsets_offset !=
          foot.keys_offset + foot.leaf_count * sizeof(Ipv6Number) ||
      foot.table_offset !=
          foot.offsets_offset + foot.leaf_count * sizeof(uint64_t) ||
      foot.table_offset > end ||
      foot.table_entries > (end - foot.table_offset) / sizeof(uint32_t)) {
    return malformed;
  }
  const char* const bytes = region->data();
  std::vector<ValueSetId> table(static_cast<size_t>(foot.table_entries));
  for (size_t i = 0; i < table.size(); ++i) {
    uint32_t number;
    std::memcpy(&number, bytes + foot.table_offset + i * sizeof(number),
                sizeof(number));
    if (number >= values.size()) return malformed;
    table[i] = values[number];
  }
  if (foot.leaf_count == 0) return Empty();
  const auto count = static_cast<size_t>(foot.leaf_count);
  std::vector<Ipv6Number> keys(count);
  std::vector<uint64_t> offsets(count);
  std::memcpy(keys.data(), bytes + foot.keys_offset,
              count * sizeof(Ipv6Number));
  std::memcpy(offsets.data(), bytes + foot.offsets_offset,
              count * sizeof(uint64_t));
  for (const uint64_t offset : offsets) {
    if (offset >= foot.keys_offset || offset % sizeof(uint64_t) != 0) {
      return malformed;
    }
  }
  std::shared_ptr<Ipv6Index> index(new Ipv6Index());
  index->SetBase(std::move(region), keys, offsets, std::move(table));
  return std::shared_ptr<const Ipv6Index>(std::move(index));
}

std::shared_ptr<const Ipv6Index> Ipv6Index::Rebased(
    const Ipv6Index& newest, const Ipv6Index& written,
    const Ipv6Index& from_file) {
  if (newest.base_ != written.base_) return nullptr;
  // The file has the leaves of `written`, in their order. `newest` has some of
  // them still.
  std::vector<Leaf> in_file;
  from_file.ForEachLeaf(
      [&in_file](Ipv6Number, const Leaf& leaf) { in_file.push_back(leaf); });
  absl::flat_hash_map<const char*, size_t> places;
  written.ForEachLeaf([&places](Ipv6Number, const Leaf& leaf) {
    places.emplace(leaf.get(), places.size());
  });
  RBLD_CHECK(places.size() == in_file.size(), "the file has other leaves");
  std::shared_ptr<Ipv6Index> index(new Ipv6Index());
  index->base_ = from_file.base_;
  index->table_ = from_file.table_;
  index->id_of_local_ = from_file.id_of_local_;
  index->page_keys_ = newest.page_keys_;
  for (const auto& old_page : newest.pages_) {
    auto page = std::make_shared<Page>(*old_page);
    for (Leaf& leaf : page->leaves) {
      const auto found = places.find(leaf.get());
      if (found != places.end()) leaf = in_file[found->second];
      RBLD_CHECK(
          found != places.end() || Ipv6LeafView(leaf.get()).ids_are_own(),
          "a leaf of the old base is not in the file");
      index->CountLeaf(leaf.get(), /*added=*/true);
    }
    page->SetPlaces();
    index->pages_.push_back(std::move(page));
  }
  return index;
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

  auto base = std::make_shared<PageRegion>(static_cast<size_t>(leaves_.size()) +
                                           kIndexPadBytes);
  leaves_.MoveTo(base->data());
  std::shared_ptr<Ipv6Index> index(new Ipv6Index());
  index->SetBase(std::move(base), keys_, offsets_, local_ids_.table());
  *this = Ipv6IndexBuilder();
  return index;
}

}  // namespace rbld
