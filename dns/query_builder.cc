#include "dns/query_builder.h"

#include <stdlib.h>

#include "dns/name.h"

namespace rbld {
namespace {

void AppendU16(uint16_t value, std::string* out) {
  uint8_t bytes[2];
  WriteU16(bytes, value);
  out->append(reinterpret_cast<const char*>(bytes), 2);
}

}  // namespace

QueryBuilder::QueryBuilder(uint16_t id, uint16_t flags) {
  AppendU16(id, &message_);
  AppendU16(flags, &message_);
  message_.append(8, '\0');
}

void QueryBuilder::Count(int word) {
  uint8_t* const place = reinterpret_cast<uint8_t*>(message_.data()) + 4 +
                         2 * static_cast<size_t>(word);
  WriteU16(place, static_cast<uint16_t>(ReadU16(place) + 1));
}

QueryBuilder& QueryBuilder::Question(absl::string_view name, RrType type,
                                     uint16_t qclass) {
  const absl::StatusOr<std::string> wire = NameFromText(name);
  if (!wire.ok()) abort();
  return RawQuestion(*wire, static_cast<uint16_t>(type), qclass);
}

QueryBuilder& QueryBuilder::RawQuestion(absl::string_view wire_name,
                                        uint16_t type, uint16_t qclass) {
  message_.append(wire_name.data(), wire_name.size());
  AppendU16(type, &message_);
  AppendU16(qclass, &message_);
  Count(0);
  return *this;
}

QueryBuilder& QueryBuilder::Record(Section section,
                                   absl::string_view wire_owner, uint16_t type,
                                   uint16_t rrclass, uint32_t ttl,
                                   absl::string_view rdata) {
  message_.append(wire_owner.data(), wire_owner.size());
  AppendU16(type, &message_);
  AppendU16(rrclass, &message_);
  AppendU16(static_cast<uint16_t>(ttl >> 16), &message_);
  AppendU16(static_cast<uint16_t>(ttl), &message_);
  AppendU16(static_cast<uint16_t>(rdata.size()), &message_);
  message_.append(rdata.data(), rdata.size());
  Count(1 + static_cast<int>(section));
  return *this;
}

QueryBuilder& QueryBuilder::Opt(uint16_t payload_bytes, uint8_t version,
                                absl::string_view options, bool dnssec_ok) {
  return Record(Section::kAdditional, absl::string_view("\0", 1),
                static_cast<uint16_t>(RrType::kOpt), payload_bytes,
                uint32_t{version} << 16 | (dnssec_ok ? 0x8000u : 0u), options);
}

QueryBuilder& QueryBuilder::Raw(absl::string_view bytes) {
  message_.append(bytes.data(), bytes.size());
  return *this;
}

QueryBuilder& QueryBuilder::SetCounts(int questions, int answers,
                                      int authorities, int additionals) {
  uint8_t* const place = reinterpret_cast<uint8_t*>(message_.data());
  WriteU16(place + 4, static_cast<uint16_t>(questions));
  WriteU16(place + 6, static_cast<uint16_t>(answers));
  WriteU16(place + 8, static_cast<uint16_t>(authorities));
  WriteU16(place + 10, static_cast<uint16_t>(additionals));
  return *this;
}

}  // namespace rbld
