#include "dns/response_reader.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "dns/name.h"

namespace rbld {
namespace {

constexpr size_t kRecordFixedBytes = 10;
constexpr size_t kSoaNumbersBytes = 20;

// Where the names are in the rdata of a type: behind `head_bytes`, `names` of
// them, and then `tail_bytes`.
struct RdataLayout {
  uint16_t type;
  size_t head_bytes;
  int names;
  size_t tail_bytes;
};

constexpr RdataLayout kLayouts[] = {
    {2, 0, 1, 0},                 // NS
    {5, 0, 1, 0},                 // CNAME
    {6, 0, 2, kSoaNumbersBytes},  // SOA
    {12, 0, 1, 0},                // PTR
    {14, 0, 2, 0},                // MINFO
    {15, 2, 1, 0},                // MX
    {17, 0, 2, 0},                // RP
    {18, 2, 1, 0},                // AFSDB
    {33, 6, 1, 0},                // SRV
    {39, 0, 1, 0},                // DNAME
};

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

// Reads a message from its beginning to its end.
class Reader {
 public:
  Reader(const uint8_t* message, size_t size)
      : message_(message), size_(size), at_(kHeaderBytes) {}

  absl::StatusOr<Response> Read() {
    if (size_ < kHeaderBytes) return Bad("it is shorter than a header");
    response_.id = ReadU16(message_);
    response_.flags = ReadU16(message_ + 2);
    response_.rcode = response_.flags & 0x000f;
    if ((response_.flags & kFlagQr) == 0) return Bad("it is a query");
    const int questions = ReadU16(message_ + 4);
    if (questions > 1) return Bad("it has several questions");
    if (questions == 1) {
      const absl::Status status = ReadQuestion();
      if (!status.ok()) return status;
    }
    std::vector<ResponseRecord>* const sections[] = {
        &response_.answers, &response_.authorities, &response_.additionals};
    for (int i = 0; i < 3; ++i) {
      const int records = ReadU16(message_ + 6 + 2 * i);
      for (int record = 0; record < records; ++record) {
        const absl::Status status = ReadRecord(i == 2, sections[i]);
        if (!status.ok()) return status;
      }
    }
    if (at_ != size_) return Bad("bytes stand behind its last record");
    return std::move(response_);
  }

 private:
  // The name at `at_`, which goes on behind it.
  bool TakeName(std::string* name) {
    const int bytes = ExpandName(message_, size_, at_, name);
    if (bytes == 0) return false;
    absl::AsciiStrToLower(name);
    at_ += static_cast<size_t>(bytes);
    return true;
  }

  absl::Status ReadQuestion() {
    if (!TakeName(&response_.question_name)) {
      return Bad("the question's name is malformed");
    }
    if (size_ - at_ < 4) return Bad("it ends in the question");
    response_.question_type = ReadU16(message_ + at_);
    response_.question_class = ReadU16(message_ + at_ + 2);
    response_.has_question = true;
    at_ += 4;
    return absl::OkStatus();
  }

  absl::Status ReadRecord(bool may_be_opt,
                          std::vector<ResponseRecord>* section) {
    ResponseRecord record;
    if (!TakeName(&record.owner)) {
      return Bad("a record's owner is malformed or missing");
    }
    if (size_ - at_ < kRecordFixedBytes) return Bad("it ends in a record");
    const uint8_t* const fixed = message_ + at_;
    record.type = ReadU16(fixed);
    record.rrclass = ReadU16(fixed + 2);
    record.ttl_seconds = ReadU32(fixed + 4);
    const size_t rdata_bytes = ReadU16(fixed + 8);
    at_ += kRecordFixedBytes;
    if (size_ - at_ < rdata_bytes) return Bad("it ends in a record's data");
    if (record.type == static_cast<uint16_t>(RrType::kOpt)) {
      if (!may_be_opt || response_.has_edns || record.owner.size() != 1) {
        return Bad("an OPT record stands where none may be");
      }
      response_.has_edns = true;
      response_.rcode = static_cast<uint16_t>(response_.rcode |
                                              (record.ttl_seconds >> 24) << 4);
      at_ += rdata_bytes;
      return absl::OkStatus();
    }
    const size_t end = at_ + rdata_bytes;
    if (!TakeRdata(end, &record) || at_ != end) {
      return Bad(absl::StrCat("the data of a record of type ", record.type,
                              " is malformed"));
    }
    section->push_back(std::move(record));
    return absl::OkStatus();
  }

  // Goes on to `end` if all is well.
  bool TakeRdata(size_t end, ResponseRecord* record) {
    for (const RdataLayout& layout : kLayouts) {
      if (layout.type != record->type) continue;
      if (!TakeBytes(layout.head_bytes, end, &record->rdata)) return false;
      for (int i = 0; i < layout.names; ++i) {
        std::string name;
        if (at_ >= end || !TakeName(&name) || at_ > end) return false;
        record->rdata += name;
      }
      return TakeBytes(layout.tail_bytes, end, &record->rdata);
    }
    const size_t bytes = end - at_;
    if (!TakeBytes(bytes, end, &record->rdata)) return false;
    switch (static_cast<RrType>(record->type)) {
      case RrType::kA:
        return bytes == 4;
      case RrType::kAaaa:
        return bytes == 16;
      case RrType::kTxt:
        return StringsAreWhole(record->rdata);
      default:
        return true;
    }
  }

  bool TakeBytes(size_t bytes, size_t end, std::string* out) {
    if (end - at_ < bytes) return false;
    out->append(reinterpret_cast<const char*>(message_) + at_, bytes);
    at_ += bytes;
    return true;
  }

  // One string at least, each behind its length (RFC 1035 §3.3.14).
  static bool StringsAreWhole(absl::string_view rdata) {
    size_t at = 0;
    while (at < rdata.size()) at += size_t{1} + static_cast<uint8_t>(rdata[at]);
    return !rdata.empty() && at == rdata.size();
  }

  const uint8_t* const message_;
  const size_t size_;
  size_t at_;  // <= size_
  Response response_;
};

}  // namespace

absl::StatusOr<Response> ReadResponse(const uint8_t* message, size_t size) {
  return Reader(message, size).Read();
}

}  // namespace rbld
