#include "store/ipv6_leaf.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "store/check.h"

namespace rbld {
namespace {

constexpr uint64_t kAllLows = std::numeric_limits<uint64_t>::max();

uint64_t MaskOfBytes(int bytes) {
  return bytes == 0 ? 0 : ~uint64_t{0} >> (64 - 8 * bytes);
}

// The first of begin..end-1 for which before(i) is false, or end. Without a
// branch that depends on the entries: they are random.
template <typename Before>
uint32_t FindFirstIn(uint32_t begin, uint32_t end, const Before& before) {
  if (begin == end) return end;
  uint32_t count = end - begin;
  while (count > 1) {
    const uint32_t half = count / 2;
    begin += before(begin + half - 1) ? half : 0;
    count -= half;
  }
  return begin + (before(begin) ? 1 : 0);
}

// The first of `count` sorted entries for which before(i) is false. `guess`
// is where it probably is.
template <typename Before>
uint32_t FindFirst(uint32_t count, uint32_t guess, const Before& before) {
  // Where it is not, what comes next is four times as wide.
  constexpr uint32_t kWider = 4;
  uint32_t reach = kIpv6GuessReach;
  uint32_t begin = guess > reach ? guess - reach : 0;
  uint32_t end = std::min(count, guess + reach);
  while (begin > 0 && !before(begin - 1)) {
    reach *= kWider;
    end = begin - 1;
    begin = end > reach ? end - reach : 0;
  }
  while (end < count && before(end)) {
    reach *= kWider;
    begin = end + 1;
    end = std::min(count, begin + reach);
  }
  return FindFirstIn(begin, end, before);
}

// The entries of a leaf by table, before they are packed.
struct Entries {
  struct Entry {
    uint64_t high;
    uint64_t first;  // network ranges: unused
    uint64_t last;   // network ranges: the last high half
    uint32_t id;
  };
  std::vector<Entry> networks;
  std::vector<Entry> network_ranges;
  std::vector<Entry> hosts;
  std::vector<Entry> host_ranges;

  void AddInsideNetwork(uint64_t high, uint64_t first, uint64_t last,
                        uint32_t id) {
    if (first == 0 && last == kAllLows) {
      networks.push_back({high, 0, 0, id});
    } else if (first == last) {
      hosts.push_back({high, first, last, id});
    } else {
      host_ranges.push_back({high, first, last, id});
    }
  }

  void Add(const Ipv6Piece& piece) {
    uint64_t high = HighHalf(piece.first);
    const uint64_t last_high = HighHalf(piece.last);
    if (high == last_high) {
      AddInsideNetwork(high, LowHalf(piece.first), LowHalf(piece.last),
                       piece.id);
      return;
    }
    const bool starts_inside = LowHalf(piece.first) != 0;
    const bool ends_inside = LowHalf(piece.last) != kAllLows;
    if (starts_inside) {
      AddInsideNetwork(high, LowHalf(piece.first), kAllLows, piece.id);
      ++high;
    }
    const uint64_t last_whole = ends_inside ? last_high - 1 : last_high;
    if (high == last_whole) {
      networks.push_back({high, 0, 0, piece.id});
    } else if (high < last_whole) {
      network_ranges.push_back({high, 0, last_whole, piece.id});
    }
    if (ends_inside) {
      AddInsideNetwork(last_high, 0, LowHalf(piece.last), piece.id);
    }
  }
};

char* PutWord(char* at, uint64_t word) {
  std::memcpy(at, &word, sizeof(word));
  return at + sizeof(word);
}

}  // namespace

void EncodeIpv6Leaf(absl::Span<const Ipv6Piece> pieces, bool ids_are_own,
                    std::vector<char>* out) {
  RBLD_CHECK(pieces.size() <= kIpv6MostLeafPieces, "too much for a leaf");
  Entries entries;
  uint32_t largest = 0;
  bool same = true;
  for (const Ipv6Piece& piece : pieces) {
    entries.Add(piece);
    largest = std::max(largest, piece.id);
    same = same && piece.id == pieces[0].id;
  }
  uint64_t least_high = kAllLows;
  uint64_t greatest_high = 0;
  for (const auto* table : {&entries.networks, &entries.hosts}) {
    if (table->empty()) continue;
    least_high = std::min(least_high, table->front().high);
    greatest_high = std::max(greatest_high, table->back().high);
  }
  Ipv6LeafHead head;
  if (least_high <= greatest_high) {
    const uint64_t span = greatest_high - least_high;
    head.base = least_high;
    head.high_bytes = static_cast<uint8_t>((std::bit_width(span) + 7) / 8);
    head.inverse_span = 1.0f / (static_cast<float>(span) + 1.0f);
  }
  head.networks = static_cast<uint16_t>(entries.networks.size());
  head.network_ranges = static_cast<uint16_t>(entries.network_ranges.size());
  head.hosts = static_cast<uint16_t>(entries.hosts.size());
  head.host_ranges = static_cast<uint16_t>(entries.host_ranges.size());
  head.width = same ? 0 : static_cast<uint8_t>(BitsFor(largest));
  head.ids_are_own = ids_are_own ? 1 : 0;

  const size_t start = out->size();
  // Head and tables are laid out by the view, so that there is one place that
  // knows the order. Words are written 8 bytes at a time; what is too much is
  // cut off again.
  out->resize(start + sizeof(head), 0);
  std::memcpy(out->data() + start, &head, sizeof(head));
  const size_t size = Ipv6LeafView(out->data() + start).SizeBytes();
  const size_t padded = (size + 7) / 8 * 8;
  out->resize(start + padded + 8, 0);

  char* at = out->data() + start + sizeof(head);
  // The upper bytes of a difference are 0 and are written over by the next.
  for (const auto* table : {&entries.networks, &entries.hosts}) {
    for (const Entries::Entry& entry : *table) {
      PutWord(at, entry.high - head.base);
      at += head.high_bytes;
    }
  }
  for (const auto& entry : entries.hosts) at = PutWord(at, entry.first);
  for (const auto& entry : entries.network_ranges) at = PutWord(at, entry.high);
  for (const auto& entry : entries.network_ranges) at = PutWord(at, entry.last);
  for (const auto& entry : entries.host_ranges) at = PutWord(at, entry.high);
  for (const auto& entry : entries.host_ranges) at = PutWord(at, entry.first);
  for (const auto& entry : entries.host_ranges) at = PutWord(at, entry.last);
  if (same) {
    std::memcpy(at, &largest, sizeof(largest));
  } else {
    size_t i = 0;
    for (const auto* table : {&entries.networks, &entries.hosts,
                              &entries.network_ranges, &entries.host_ranges}) {
      for (const Entries::Entry& entry : *table) {
        WritePacked(at, i++, head.width, entry.id);
      }
    }
  }
  out->resize(start + padded);
}

Ipv6LeafView::Ipv6LeafView(const char* bytes)
    : head_(reinterpret_cast<const Ipv6LeafHead*>(bytes)),
      high_mask_(MaskOfBytes(head_->high_bytes)),
      network_highs_(bytes + sizeof(Ipv6LeafHead)),
      host_highs_(network_highs_ + size_t{head_->networks} * head_->high_bytes),
      host_lows_(host_highs_ + size_t{head_->hosts} * head_->high_bytes),
      range_firsts_(host_lows_ + size_t{8} * head_->hosts),
      range_lasts_(range_firsts_ + size_t{8} * head_->network_ranges),
      host_range_highs_(range_lasts_ + size_t{8} * head_->network_ranges),
      host_range_firsts_(host_range_highs_ + size_t{8} * head_->host_ranges),
      host_range_lasts_(host_range_firsts_ + size_t{8} * head_->host_ranges),
      ids_(host_range_lasts_ + size_t{8} * head_->host_ranges) {}

size_t Ipv6LeafView::SizeBytes() const {
  const size_t entries = size_t{head_->networks} + head_->hosts +
                         head_->network_ranges + head_->host_ranges;
  const size_t id_bytes =
      head_->width == 0 ? 4 : PackedBytes(entries, head_->width);
  return static_cast<size_t>(ids_ - reinterpret_cast<const char*>(head_)) +
         id_bytes;
}

uint32_t Ipv6LeafView::IdOf(uint32_t entry) const {
  if (head_->width == 0) {
    uint32_t id;
    std::memcpy(&id, ids_, sizeof(id));
    return id;
  }
  return ReadPacked(ids_, entry, head_->width);
}

uint32_t Ipv6LeafView::Guess(uint64_t difference, uint32_t count) const {
  const float share = static_cast<float>(difference) * head_->inverse_span;
  return static_cast<uint32_t>(std::min(share, 1.0f) *
                               static_cast<float>(count));
}

void Ipv6LeafView::Prefetch(uint64_t high) const {
  if (high < head_->base) return;
  const uint64_t difference = high - head_->base;
  const uint32_t network = Guess(difference, head_->networks);
  const uint32_t host = Guess(difference, head_->hosts);
  PrefetchHighs(network_highs_, network, head_->networks);
  PrefetchHighs(host_highs_, host, head_->hosts);
  // Most who ask get no further.
  PrefetchLine(ids_ + size_t{network} * head_->width / 8);
}

void Ipv6LeafView::PrefetchHighs(const char* table, uint32_t guess,
                                 uint32_t count) const {
  if (count == 0) return;
  const uint32_t begin = guess > kIpv6GuessReach ? guess - kIpv6GuessReach : 0;
  const uint32_t end = std::min(count, guess + kIpv6GuessReach);
  const char* const last = table + size_t{end} * head_->high_bytes;
  for (const char* line = table + size_t{begin} * head_->high_bytes;
       line < last; line += kLineBytes) {
    PrefetchLine(line);
  }
  PrefetchLine(last);
}

uint32_t Ipv6LeafView::NetworkFrom(uint64_t high) const {
  if (high < head_->base) return 0;
  const uint64_t difference = high - head_->base;
  return FindFirst(
      head_->networks, Guess(difference, head_->networks),
      [&](uint32_t i) { return PackedHigh(network_highs_, i) < difference; });
}

uint32_t Ipv6LeafView::HostFrom(uint64_t high, uint64_t low) const {
  if (high < head_->base) return 0;
  const uint64_t difference = high - head_->base;
  const uint32_t first = FindFirst(
      head_->hosts, Guess(difference, head_->hosts),
      [&](uint32_t i) { return PackedHigh(host_highs_, i) < difference; });
  if (first == head_->hosts || PackedHigh(host_highs_, first) != difference ||
      Word(host_lows_, first) >= low) {
    return first;
  }
  // Several hosts of one /64.
  const uint32_t end = FindFirst(head_->hosts, first + 1, [&](uint32_t i) {
    return PackedHigh(host_highs_, i) <= difference;
  });
  return FindFirstIn(first, end,
                     [&](uint32_t i) { return Word(host_lows_, i) < low; });
}

uint32_t Ipv6LeafView::NetworkRangeFrom(uint64_t high) const {
  const uint32_t count = head_->network_ranges;
  return FindFirst(count, count / 2,
                   [&](uint32_t i) { return Word(range_lasts_, i) < high; });
}

uint32_t Ipv6LeafView::HostRangeFrom(uint64_t high, uint64_t low) const {
  const uint32_t count = head_->host_ranges;
  return FindFirst(count, count / 2, [&](uint32_t i) {
    const uint64_t entry = Word(host_range_highs_, i);
    return entry < high || (entry == high && Word(host_range_lasts_, i) < low);
  });
}

Ipv6Piece Ipv6LeafView::NetworkAt(uint32_t i) const {
  const uint64_t high = head_->base + PackedHigh(network_highs_, i);
  return {JoinHalves(high, 0), JoinHalves(high, kAllLows), IdOf(i)};
}

Ipv6Piece Ipv6LeafView::HostAt(uint32_t i) const {
  const Ipv6Number address =
      JoinHalves(head_->base + PackedHigh(host_highs_, i), Word(host_lows_, i));
  return {address, address, IdOf(head_->networks + i)};
}

Ipv6Piece Ipv6LeafView::NetworkRangeAt(uint32_t i) const {
  return {JoinHalves(Word(range_firsts_, i), 0),
          JoinHalves(Word(range_lasts_, i), kAllLows),
          IdOf(uint32_t{head_->networks} + head_->hosts + i)};
}

Ipv6Piece Ipv6LeafView::HostRangeAt(uint32_t i) const {
  const uint64_t high = Word(host_range_highs_, i);
  return {JoinHalves(high, Word(host_range_firsts_, i)),
          JoinHalves(high, Word(host_range_lasts_, i)),
          IdOf(uint32_t{head_->networks} + head_->hosts +
               head_->network_ranges + i)};
}

uint32_t Ipv6LeafView::Lookup(uint64_t high, uint64_t low) const {
  const Ipv6Number address = JoinHalves(high, low);
  if (head_->networks > 0) {
    const uint32_t i = NetworkFrom(high);
    if (i < head_->networks && head_->base <= high &&
        PackedHigh(network_highs_, i) == high - head_->base) {
      return IdOf(i);
    }
  }
  if (head_->hosts > 0) {
    const uint32_t i = HostFrom(high, low);
    if (i < head_->hosts && head_->base <= high &&
        PackedHigh(host_highs_, i) == high - head_->base &&
        Word(host_lows_, i) == low) {
      return IdOf(head_->networks + i);
    }
  }
  if (head_->network_ranges > 0) {
    const uint32_t i = NetworkRangeFrom(high);
    if (i < head_->network_ranges && Word(range_firsts_, i) <= high) {
      return NetworkRangeAt(i).id;
    }
  }
  if (head_->host_ranges > 0) {
    const uint32_t i = HostRangeFrom(high, low);
    if (i < head_->host_ranges && HostRangeAt(i).first <= address) {
      return HostRangeAt(i).id;
    }
  }
  return 0;
}

bool Ipv6LeafView::AnyWithin(Ipv6Number first, Ipv6Number last) const {
  const uint64_t high = HighHalf(first);
  const uint64_t low = LowHalf(first);
  uint32_t i = NetworkFrom(high);
  if (i < head_->networks && NetworkAt(i).first <= last) return true;
  i = HostFrom(high, low);
  if (i < head_->hosts && HostAt(i).first <= last) return true;
  i = NetworkRangeFrom(high);
  if (i < head_->network_ranges && NetworkRangeAt(i).first <= last) return true;
  i = HostRangeFrom(high, low);
  return i < head_->host_ranges && HostRangeAt(i).first <= last;
}

void Ipv6LeafView::AppendPieces(Ipv6Number first, Ipv6Number last,
                                std::vector<Ipv6Piece>* pieces) const {
  const uint64_t high = HighHalf(first);
  const uint64_t low = LowHalf(first);
  // Four sorted tables are merged; each has a place and a count.
  uint32_t places[4] = {NetworkFrom(high), HostFrom(high, low),
                        NetworkRangeFrom(high), HostRangeFrom(high, low)};
  const uint32_t counts[4] = {head_->networks, head_->hosts,
                              head_->network_ranges, head_->host_ranges};
  auto piece_at = [this, &places](int table) {
    switch (table) {
      case 0:
        return NetworkAt(places[0]);
      case 1:
        return HostAt(places[1]);
      case 2:
        return NetworkRangeAt(places[2]);
      default:
        return HostRangeAt(places[3]);
    }
  };
  Ipv6Piece next[4];
  bool has_next[4];
  auto load = [&](int table) {
    has_next[table] = places[table] < counts[table];
    if (!has_next[table]) return;
    next[table] = piece_at(table);
    has_next[table] = next[table].first <= last;
  };
  for (int table = 0; table < 4; ++table) load(table);
  for (;;) {
    int least = -1;
    for (int table = 0; table < 4; ++table) {
      if (has_next[table] &&
          (least < 0 || next[table].first < next[least].first)) {
        least = table;
      }
    }
    if (least < 0) return;
    Ipv6Piece piece = next[least];
    piece.first = std::max(piece.first, first);
    piece.last = std::min(piece.last, last);
    AppendPiece(pieces, piece);
    ++places[least];
    load(least);
  }
}

}  // namespace rbld
