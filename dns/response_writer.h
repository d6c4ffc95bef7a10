// ResponseWriter: writes one reply into a caller's buffer: header, question,
// records whose owner is the question's name or ends it, and OPT.
//
// Used by one thread; no allocation. Always holds: the message never grows past
// the limit, room for the OPT record is kept from the beginning, and what does
// not fit sets TC and empties the record sections, so that an RRset is whole or
// absent (RFC 2181 §9).
#ifndef RBLD_DNS_RESPONSE_WRITER_H_
#define RBLD_DNS_RESPONSE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "dns/constants.h"
#include "dns/query.h"

namespace rbld {

// What stands before a record's rdata when its owner is the question's name: a
// pointer to it, type, class, TTL, RDLENGTH.
inline constexpr int kRecordHeadBytes = 12;

// An OPT record without options (RFC 6891 §6.1.2).
inline constexpr int kOptBytes = 11;

// Makes of a whole reply of `*bytes` bytes one that says with TC that it did
// not fit: its header and its question, no records, and OPT only if that has no
// options. False when nothing could be taken away.
bool CutToQuestion(uint8_t* message, size_t* bytes);

class ResponseWriter {
 public:
  // Writes the header and, if the query has one, its question, byte for byte
  // (so its case too). `limit_bytes` is at least kMinUdpPayloadBytes and
  // `out` has that much. `authoritative` sets AA. Both `query` and `out` must
  // outlive the writer.
  ResponseWriter(const Query& query, Rcode rcode, bool authoritative,
                 uint8_t* out, size_t limit_bytes);

  // Records, in the order of their sections: first answers, then authorities.
  // Each returns false, and truncates the message, when there is no room; then
  // all later ones do nothing.

  // `block` is `records` whole records whose owners are pointers to the
  // question's name (see AppendRecord).
  bool AddAnswers(absl::string_view block, int records);
  // An A record of the question's name.
  bool AddA(uint32_t ttl_seconds, uint32_t address);
  // One authority record, owned by the end of the question's name that begins
  // `owner_offset` bytes into it; `tail` is what follows the owner.
  bool AddAuthority(int owner_offset, absl::string_view tail);

  // Several of them, all or none; nothing is truncated for them.
  void AddAuthoritiesIfRoom(int owner_offset,
                            const std::vector<std::string>& tails);

  // For rdata that is rendered in place: where to write it and how much room
  // there is; then CommitAnswer with what was used. Null when there is none.
  uint8_t* RdataRoom(size_t* room_bytes);
  void CommitAnswer(RrType type, uint32_t ttl_seconds, size_t rdata_bytes);
  // Gives up: what was to be rendered does not fit.
  void Truncate();

  // For RRsets that are gathered from several places: takes the newest answer
  // away if an earlier one has the same type and rdata.
  void DropNewestIfDuplicate();
  // Sets the TTL of every answer (RFC 2181 §5.2: one TTL for an RRset).
  void SetAnswerTtl(uint32_t ttl_seconds);

  // Adds an extended error (RFC 8914) to OPT, if the client sent EDNS.
  void SetExtendedError(ExtendedError error) { extended_error_ = error; }
  int answers() const { return answers_; }
  bool truncated() const { return truncated_; }

  // Writes the counts and OPT; returns the size of the message.
  size_t Finish();

 private:
  uint8_t* Reserve(size_t bytes);

  const Query& query_;
  uint8_t* const out_;
  size_t limit_bytes_;  // without the room kept for OPT
  size_t at_;
  size_t records_start_;
  size_t newest_start_ = 0;
  uint16_t rcode_;
  uint16_t answers_ = 0;
  uint16_t authorities_ = 0;
  ExtendedError extended_error_ = ExtendedError::kNone;
  bool truncated_ = false;
};

// Appends a record whose owner is the question's name (RFC 1035 §4.1.4: a
// pointer to offset 12) to a block for AddAnswers; String is std::string.
template <typename String>
void AppendRecord(uint16_t type, uint32_t ttl_seconds, absl::string_view rdata,
                  String* block, uint16_t qclass = kClassIn) {
  uint8_t head[kRecordHeadBytes] = {0xc0, kHeaderBytes};
  WriteU16(head + 2, type);
  WriteU16(head + 4, qclass);
  WriteU32(head + 6, ttl_seconds);
  WriteU16(head + 10, static_cast<uint16_t>(rdata.size()));
  block->append(reinterpret_cast<const char*>(head), sizeof(head));
  block->append(rdata.data(), rdata.size());
}

}  // namespace rbld

#endif  // RBLD_DNS_RESPONSE_WRITER_H_
