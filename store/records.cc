#include "store/records.h"

#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr char kValueSetTag = 'V';
constexpr char kAuthorTag = 'A';

// Prefix lengths are the last byte of an address key.
constexpr size_t kIpv4KeyBytes = 1 + 4 + 1;
constexpr size_t kIpv6KeyBytes = 1 + 16 + 1;

template <size_t N>
void AppendCounts(std::string* out, const std::array<uint32_t, N>& counts) {
  // Few lengths are in use: pairs of (length, count) after their number.
  uint64_t used = 0;
  for (const uint32_t count : counts) used += count != 0;
  AppendVarint(out, used);
  for (size_t i = 0; i < N; ++i) {
    if (counts[i] == 0) continue;
    AppendVarint(out, i);
    AppendVarint(out, counts[i]);
  }
}

template <size_t N>
bool ConsumeCounts(absl::string_view* in, std::array<uint32_t, N>* counts) {
  uint64_t used = 0;
  if (!ConsumeVarint(in, &used)) return false;
  for (uint64_t k = 0; k < used; ++k) {
    uint64_t i = 0, count = 0;
    if (!ConsumeVarint(in, &i) || !ConsumeVarint(in, &count) || i >= N) {
      return false;
    }
    (*counts)[i] = static_cast<uint32_t>(count);
  }
  return true;
}

}  // namespace

std::string RecordKey(ListId list, absl::string_view target_key,
                      RecordType type, DatasetId dataset) {
  std::string key;
  key.reserve(4 + target_key.size() + 5);
  AppendU32(&key, list);
  key.append(target_key.data(), target_key.size());
  key.push_back(static_cast<char>(type));
  AppendU32(&key, dataset);
  return key;
}

bool ParseRecordKey(absl::string_view key, ParsedKey* parsed) {
  if (key.size() < 4 + 1 + 5 || !ConsumeU32(&key, &parsed->list)) return false;
  absl::string_view tail = key.substr(key.size() - 5);
  parsed->target_key = key.substr(0, key.size() - 5);
  parsed->type = static_cast<RecordType>(tail[0]);
  tail.remove_prefix(1);
  return ConsumeU32(&tail, &parsed->dataset);
}

void AppendRecord(std::string* out, const Record& record) {
  AppendVarint(out, record.values);
  AppendVarint(out, record.author);
  AppendVarint(out, static_cast<uint64_t>(record.created));
  AppendVarint(out, static_cast<uint64_t>(record.updated));
  AppendVarint(out, static_cast<uint64_t>(record.expires));
  // The note is the rest: most records have none and spend no byte on it.
  out->append(record.note.data(), record.note.size());
}

bool ParseRecord(absl::string_view bytes, Record* record) {
  uint64_t values = 0, author = 0;
  if (!ConsumeVarint(&bytes, &values) || !ConsumeVarint(&bytes, &author) ||
      !ConsumeInt64(&bytes, &record->created) ||
      !ConsumeInt64(&bytes, &record->updated) ||
      !ConsumeInt64(&bytes, &record->expires)) {
    return false;
  }
  record->values = static_cast<BlobId>(values);
  record->author = static_cast<BlobId>(author);
  record->note = bytes;
  return true;
}

std::string ValueSetBlob(const ValueSet& values) {
  std::string blob(1, kValueSetTag);
  AppendVarint(&blob, values.size());
  for (const Value& value : values) {
    AppendU32(&blob, value.code);
    AppendVarint(&blob, value.ttl_seconds);
    AppendString(&blob, value.reason);
  }
  return blob;
}

std::string AuthorBlob(absl::string_view author) {
  return absl::StrCat(absl::string_view(&kAuthorTag, 1), author);
}

bool ParseValueSetBlob(absl::string_view blob, ValueSet* values) {
  if (blob.empty() || blob[0] != kValueSetTag) return false;
  blob.remove_prefix(1);
  uint64_t count = 0;
  if (!ConsumeVarint(&blob, &count) || count > kMaxValuesPerListing) {
    return false;
  }
  values->clear();
  for (uint64_t i = 0; i < count; ++i) {
    Value value;
    uint64_t ttl = 0;
    if (!ConsumeU32(&blob, &value.code) || !ConsumeVarint(&blob, &ttl) ||
        !ConsumeText(&blob, &value.reason)) {
      return false;
    }
    value.ttl_seconds = static_cast<uint32_t>(ttl);
    values->push_back(std::move(value));
  }
  return true;
}

bool ParseAuthorBlob(absl::string_view blob, std::string* author) {
  if (blob.empty() || blob[0] != kAuthorTag) return false;
  *author = std::string(blob.substr(1));
  return true;
}

void LengthCounts::Add(absl::string_view target_key, int64_t delta) {
  const auto kind = static_cast<TargetKind>(target_key[0]);
  if (kind == TargetKind::kName) {
    names = static_cast<uint64_t>(static_cast<int64_t>(names) + delta);
    return;
  }
  const uint8_t length_bits = static_cast<uint8_t>(target_key.back());
  uint32_t* count = nullptr;
  if (kind == TargetKind::kIpv4 && target_key.size() == kIpv4KeyBytes) {
    count = &ipv4[length_bits];
  } else if (kind == TargetKind::kIpv6 && target_key.size() == kIpv6KeyBytes) {
    count = &ipv6[length_bits];
  }
  if (count != nullptr) {
    *count = static_cast<uint32_t>(static_cast<int64_t>(*count) + delta);
  }
}

void LengthCounts::AddCounts(const LengthCounts& other) {
  for (size_t i = 0; i < ipv4.size(); ++i) ipv4[i] += other.ipv4[i];
  for (size_t i = 0; i < ipv6.size(); ++i) ipv6[i] += other.ipv6[i];
  names += other.names;
}

std::string DatasetKey(DatasetId id) {
  std::string key = "dataset/";
  AppendU32(&key, id);
  return key;
}

std::string DatasetValue(const DatasetRecord& record) {
  std::string out;
  AppendVarint(&out, record.id);
  AppendVarint(&out, record.list);
  AppendString(&out, record.source);
  AppendVarint(&out, static_cast<uint64_t>(record.precedence));
  AppendVarint(&out, record.listings);
  AppendVarint(&out, record.exemptions);
  AppendVarint(&out, record.last_sequence);
  AppendVarint(&out, static_cast<uint64_t>(record.last_import_time));
  AppendCounts(&out, record.lengths.ipv4);
  AppendCounts(&out, record.lengths.ipv6);
  AppendVarint(&out, record.lengths.names);
  return out;
}

bool ParseDataset(absl::string_view bytes, DatasetRecord* record) {
  uint64_t id = 0, list = 0, precedence = 0;
  if (!ConsumeVarint(&bytes, &id) || !ConsumeVarint(&bytes, &list) ||
      !ConsumeText(&bytes, &record->source) ||
      !ConsumeVarint(&bytes, &precedence) ||
      !ConsumeVarint(&bytes, &record->listings) ||
      !ConsumeVarint(&bytes, &record->exemptions) ||
      !ConsumeVarint(&bytes, &record->last_sequence) ||
      !ConsumeInt64(&bytes, &record->last_import_time) ||
      !ConsumeCounts(&bytes, &record->lengths.ipv4) ||
      !ConsumeCounts(&bytes, &record->lengths.ipv6) ||
      !ConsumeVarint(&bytes, &record->lengths.names)) {
    return false;
  }
  record->id = static_cast<DatasetId>(id);
  record->list = static_cast<ListId>(list);
  record->precedence = static_cast<Precedence>(precedence);
  return true;
}

std::string ZoneKey(absl::string_view zone) {
  return absl::StrCat("zone/", zone);
}

std::string ZoneValue(const ZoneRecord& record) {
  std::string out;
  AppendU32(&out, record.serial);
  AppendVarint(&out, record.sequence);
  AppendVarint(&out, static_cast<uint64_t>(record.time));
  AppendString(&out, record.fingerprint);
  return out;
}

bool ParseZone(absl::string_view bytes, ZoneRecord* record) {
  return ConsumeU32(&bytes, &record->serial) &&
         ConsumeVarint(&bytes, &record->sequence) &&
         ConsumeInt64(&bytes, &record->time) &&
         ConsumeText(&bytes, &record->fingerprint);
}

void AppendJournalChange(std::string* out, const JournalChange& change) {
  out->push_back(static_cast<char>(change.kind));
  AppendString(out, change.key);
  AppendString(out, change.before);
  AppendString(out, change.after);
}

bool ConsumeJournalChange(absl::string_view* in, JournalChange* change) {
  if (in->empty()) return false;
  change->kind = static_cast<ChangeKind>((*in)[0]);
  in->remove_prefix(1);
  return ConsumeString(in, &change->key) &&
         ConsumeString(in, &change->before) &&
         ConsumeString(in, &change->after);
}

std::string JournalKey(uint64_t sequence) {
  std::string key;
  AppendU64(&key, sequence);
  return key;
}

std::string JournalValue(const JournalEntry& entry) {
  std::string out;
  AppendVarint(&out, static_cast<uint64_t>(entry.time));
  AppendString(&out, entry.actor);
  AppendString(&out, entry.why);
  AppendString(&out, entry.request);
  AppendVarint(&out, entry.change_count);
  AppendVarint(&out, entry.bulk_id);
  AppendVarint(&out, entry.gap ? 1 : 0);
  out.append(entry.changes.data(), entry.changes.size());
  return out;
}

bool ParseJournal(absl::string_view bytes, JournalEntry* entry) {
  uint64_t gap = 0;
  if (!ConsumeInt64(&bytes, &entry->time) ||
      !ConsumeText(&bytes, &entry->actor) ||
      !ConsumeText(&bytes, &entry->why) ||
      !ConsumeText(&bytes, &entry->request) ||
      !ConsumeVarint(&bytes, &entry->change_count) ||
      !ConsumeVarint(&bytes, &entry->bulk_id) || !ConsumeVarint(&bytes, &gap)) {
    return false;
  }
  entry->gap = gap != 0;
  entry->changes = bytes;
  return true;
}

std::string AuditValue(const AuditRecord& record) {
  std::string out;
  AppendVarint(&out, static_cast<uint64_t>(record.time));
  AppendString(&out, record.actor);
  AppendString(&out, record.why);
  AppendString(&out, record.request);
  AppendVarint(&out, record.added);
  AppendVarint(&out, record.changed);
  AppendVarint(&out, record.removed);
  AppendString(&out, record.what);
  return out;
}

bool ParseAudit(absl::string_view bytes, AuditRecord* record) {
  return ConsumeInt64(&bytes, &record->time) &&
         ConsumeText(&bytes, &record->actor) &&
         ConsumeText(&bytes, &record->why) &&
         ConsumeText(&bytes, &record->request) &&
         ConsumeVarint(&bytes, &record->added) &&
         ConsumeVarint(&bytes, &record->changed) &&
         ConsumeVarint(&bytes, &record->removed) &&
         ConsumeText(&bytes, &record->what);
}

}  // namespace rbld
