#include "dns/response_writer.h"

#include <string.h>

namespace rbld {
namespace {

constexpr uint8_t kPointerToQuestion = kHeaderBytes;
// An option's code and length, and the INFO-CODE of an extended error.
constexpr size_t kExtendedErrorBytes = 6;
constexpr uint16_t kExtendedErrorOption = 15;  // RFC 8914 §2

void WriteRecordHead(uint8_t* out, RrType type, uint32_t ttl_seconds,
                     size_t rdata_bytes) {
  out[0] = 0xc0;
  out[1] = kPointerToQuestion;
  WriteU16(out + 2, static_cast<uint16_t>(type));
  WriteU16(out + 4, kClassIn);
  WriteU32(out + 6, ttl_seconds);
  WriteU16(out + 10, static_cast<uint16_t>(rdata_bytes));
}

}  // namespace

bool CutToQuestion(uint8_t* message, size_t* bytes) {
  size_t end = kHeaderBytes;
  if (ReadU16(message + 4) != 0) {
    const int name_bytes =
        WireNameBytes(message + kHeaderBytes, *bytes - kHeaderBytes);
    if (name_bytes <= 0) return false;
    end += static_cast<size_t>(name_bytes) + 4;
  }
  // An OPT record without options is last: the root, its type, …, no rdata.
  const bool additional = ReadU16(message + 10) != 0;
  const bool keeps_opt = additional && *bytes >= end + kOptBytes &&
                         message[*bytes - kOptBytes] == 0 &&
                         ReadU16(message + *bytes - kOptBytes + 1) ==
                             static_cast<uint16_t>(RrType::kOpt) &&
                         ReadU16(message + *bytes - 2) == 0;
  const size_t kept = end + (keeps_opt ? kOptBytes : 0);
  if (kept >= *bytes) return false;
  if (keeps_opt)
    memmove(message + end, message + *bytes - kOptBytes, kOptBytes);
  WriteU16(message + 2, ReadU16(message + 2) | kFlagTc);
  WriteU16(message + 6, 0);
  WriteU16(message + 8, 0);
  WriteU16(message + 10, keeps_opt ? 1 : 0);
  *bytes = kept;
  return true;
}

ResponseWriter::ResponseWriter(const Query& query, Rcode rcode,
                               bool authoritative, uint8_t* out,
                               size_t limit_bytes)
    : query_(query),
      out_(out),
      limit_bytes_(limit_bytes - (query.has_edns ? kOptBytes : 0)),
      at_(kHeaderBytes),
      rcode_(static_cast<uint16_t>(rcode)) {
  if (query.has_question) at_ = query.question_end_bytes();
  if (query.has_question) {
    memcpy(out, query.message, at_);
  } else {
    memcpy(out, query.message, kHeaderBytes);
  }
  // RFC 1035 §4.1.1: opcode and RD are copied. RA, Z and AD stay 0, and so does
  // CD, which means something to resolvers only (RFC 4035 §3.1.6).
  const uint16_t flags =
      static_cast<uint16_t>(kFlagQr | (query.flags & (kOpcodeMask | kFlagRd)) |
                            (authoritative ? kFlagAa : 0) | (rcode_ & 0xf));
  WriteU16(out + 2, flags);
  WriteU16(out + 4, query.has_question ? 1 : 0);
  records_start_ = at_;
}

uint8_t* ResponseWriter::Reserve(size_t bytes) {
  if (truncated_) return nullptr;
  if (limit_bytes_ - at_ < bytes) {
    Truncate();
    return nullptr;
  }
  newest_start_ = at_;
  uint8_t* const place = out_ + at_;
  at_ += bytes;
  return place;
}

void ResponseWriter::Truncate() {
  truncated_ = true;
  at_ = records_start_;
  answers_ = 0;
  authorities_ = 0;
}

bool ResponseWriter::AddAnswers(absl::string_view block, int records) {
  uint8_t* const place = Reserve(block.size());
  if (place == nullptr) return false;
  memcpy(place, block.data(), block.size());
  answers_ = static_cast<uint16_t>(answers_ + records);
  return true;
}

bool ResponseWriter::AddA(uint32_t ttl_seconds, uint32_t address) {
  uint8_t* const place = Reserve(kRecordHeadBytes + 4);
  if (place == nullptr) return false;
  WriteRecordHead(place, RrType::kA, ttl_seconds, 4);
  WriteU32(place + kRecordHeadBytes, address);
  ++answers_;
  return true;
}

bool ResponseWriter::AddAuthority(int owner_offset, absl::string_view tail) {
  uint8_t* const place = Reserve(2 + tail.size());
  if (place == nullptr) return false;
  // A name in a question is at most 255 bytes long, so a pointer's 14 bits hold
  // any offset into it.
  WriteU16(place,
           static_cast<uint16_t>(0xc000 | (kHeaderBytes + owner_offset)));
  memcpy(place + 2, tail.data(), tail.size());
  ++authorities_;
  return true;
}

void ResponseWriter::AddAuthoritiesIfRoom(
    int owner_offset, const std::vector<std::string>& tails) {
  size_t bytes = 0;
  for (const std::string& tail : tails) bytes += 2 + tail.size();
  if (truncated_ || limit_bytes_ - at_ < bytes) return;
  for (const std::string& tail : tails) AddAuthority(owner_offset, tail);
}

uint8_t* ResponseWriter::RdataRoom(size_t* room_bytes) {
  if (truncated_ || limit_bytes_ - at_ < kRecordHeadBytes) {
    *room_bytes = 0;
    if (!truncated_) Truncate();
    return nullptr;
  }
  *room_bytes = limit_bytes_ - at_ - kRecordHeadBytes;
  return out_ + at_ + kRecordHeadBytes;
}

void ResponseWriter::CommitAnswer(RrType type, uint32_t ttl_seconds,
                                  size_t rdata_bytes) {
  uint8_t* const place = Reserve(kRecordHeadBytes + rdata_bytes);
  if (place == nullptr) return;
  WriteRecordHead(place, type, ttl_seconds, rdata_bytes);
  ++answers_;
}

void ResponseWriter::DropNewestIfDuplicate() {
  if (answers_ < 2) return;
  const size_t newest_bytes = at_ - newest_start_;
  const uint8_t* const newest = out_ + newest_start_;
  size_t at = records_start_;
  while (at < newest_start_) {
    const uint8_t* const record = out_ + at;
    const size_t record_bytes = size_t{kRecordHeadBytes} + ReadU16(record + 10);
    // Type, and rdata with its length; the TTLs between them may differ.
    if (record_bytes == newest_bytes && memcmp(record, newest, 6) == 0 &&
        memcmp(record + 10, newest + 10, record_bytes - 10) == 0) {
      at_ = newest_start_;
      --answers_;
      return;
    }
    at += record_bytes;
  }
}

void ResponseWriter::SetAnswerTtl(uint32_t ttl_seconds) {
  size_t at = records_start_;
  for (int i = 0; i < answers_; ++i) {
    uint8_t* const record = out_ + at;
    WriteU32(record + 6, ttl_seconds);
    at += size_t{kRecordHeadBytes} + ReadU16(record + 10);
  }
}

size_t ResponseWriter::Finish() {
  if (truncated_) out_[2] |= kFlagTc >> 8;
  WriteU16(out_ + 6, answers_);
  WriteU16(out_ + 8, authorities_);
  WriteU16(out_ + 10, query_.has_edns ? 1 : 0);
  if (!query_.has_edns) return at_;

  // RFC 6891 §6.1.1: a request with OPT gets a reply with OPT, also when it is
  // an error or truncated (§7).
  uint8_t* const opt = out_ + at_;
  opt[0] = 0;  // the root
  WriteU16(opt + 1, static_cast<uint16_t>(RrType::kOpt));
  WriteU16(opt + 3, kMaxUdpPayloadBytes);
  opt[5] = static_cast<uint8_t>(rcode_ >> 4);
  opt[6] = 0;  // the version that we speak
  // RFC 3225 §3: DO is copied.
  WriteU16(opt + 7, query_.dnssec_ok ? 0x8000 : 0);
  WriteU16(opt + 9, 0);
  at_ += kOptBytes;
  const size_t limit_bytes = limit_bytes_ + kOptBytes;
  if (extended_error_ != ExtendedError::kNone &&
      limit_bytes - at_ >= kExtendedErrorBytes) {
    WriteU16(opt + 9, kExtendedErrorBytes);
    WriteU16(out_ + at_, kExtendedErrorOption);
    WriteU16(out_ + at_ + 2, 2);
    WriteU16(out_ + at_ + 4, static_cast<uint16_t>(extended_error_));
    at_ += kExtendedErrorBytes;
  }
  return at_;
}

}  // namespace rbld
