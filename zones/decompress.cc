// Decompress of zones/byte_source.h.
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "zones/byte_source.h"

namespace rbld {
namespace {

constexpr size_t kInputBufferBytes = 128 * 1024;
constexpr absl::string_view kGzipMagic("\x1f\x8b", 2);  // RFC 1952 §2.3.1
constexpr absl::string_view kZstdMagic("\x28\xb5\x2f\xfd",
                                       4);  // RFC 8878 §3.1.1
constexpr size_t kLongestMagicBytes = 4;
// A frame may ask for a window of this many bits at most, so that a feed
// cannot choose how much memory it takes.
constexpr int kMaxZstdWindowLog = 27;

// One kind of compression, fed with input and asked for output.
class Decoder {
 public:
  virtual ~Decoder() = default;
  struct Step {
    size_t consumed = 0;
    size_t produced = 0;
    bool member_ended = false;  // a gzip member or zstd frame is complete
  };
  virtual absl::StatusOr<Step> Decode(const char* input, size_t input_bytes,
                                      char* output, size_t output_bytes) = 0;
  // Gets ready for the next member.
  virtual absl::Status Restart() = 0;
  virtual absl::string_view magic() const = 0;
  virtual const char* name() const = 0;
};

class GzipDecoder : public Decoder {
 public:
  GzipDecoder() {
    // 16 asks for the gzip wrapper, which zlib checks.
    ready_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK;
  }
  ~GzipDecoder() override {
    if (ready_) inflateEnd(&stream_);
  }

  absl::StatusOr<Step> Decode(const char* input, size_t input_bytes,
                              char* output, size_t output_bytes) override {
    if (!ready_) return absl::ResourceExhaustedError("no memory for gzip");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input));
    stream_.avail_in = static_cast<uInt>(input_bytes);
    stream_.next_out = reinterpret_cast<Bytef*>(output);
    stream_.avail_out = static_cast<uInt>(
        std::min<size_t>(output_bytes, kInputBufferBytes * 64));
    const uInt room = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return absl::DataLossError(
          absl::StrCat("damaged gzip data (",
                       stream_.msg == nullptr ? "inflate" : stream_.msg, ")"));
    }
    return Step{input_bytes - stream_.avail_in, room - stream_.avail_out,
                result == Z_STREAM_END};
  }

  absl::Status Restart() override {
    if (inflateReset(&stream_) != Z_OK) {
      return absl::InternalError("gzip: cannot go on to the next member");
    }
    return absl::OkStatus();
  }

  absl::string_view magic() const override { return kGzipMagic; }
  const char* name() const override { return "gzip"; }

 private:
  z_stream stream_ = {};
  bool ready_ = false;
};

class ZstdDecoder : public Decoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {
    if (stream_ != nullptr) {
      ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
    }
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

  absl::StatusOr<Step> Decode(const char* input, size_t input_bytes,
                              char* output, size_t output_bytes) override {
    if (stream_ == nullptr) {
      return absl::ResourceExhaustedError("no memory for zstd");
    }
    ZSTD_inBuffer in = {input, input_bytes, 0};
    ZSTD_outBuffer out = {output, output_bytes, 0};
    const size_t result = ZSTD_decompressStream(stream_, &out, &in);
    if (ZSTD_isError(result)) {
      return absl::DataLossError(
          absl::StrCat("damaged zstd data (", ZSTD_getErrorName(result), ")"));
    }
    return Step{in.pos, out.pos, result == 0};
  }

  absl::Status Restart() override {
    ZSTD_DCtx_reset(stream_, ZSTD_reset_session_only);
    return absl::OkStatus();
  }

  absl::string_view magic() const override { return kZstdMagic; }
  const char* name() const override { return "zstd"; }

 private:
  ZSTD_DStream* const stream_;
};

class DecompressingSource : public ByteSource {
 public:
  DecompressingSource(std::unique_ptr<ByteSource> source, uint64_t limit_bytes)
      : source_(std::move(source)),
        limit_bytes_(limit_bytes),
        input_(kInputBufferBytes) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    if (!started_) {
      started_ = true;
      const absl::Status status = Start();
      if (!status.ok()) return status;
    }
    if (size == 0) return 0;
    absl::StatusOr<size_t> got =
        decoder_ == nullptr ? ReadPlain(buffer, size) : Inflate(buffer, size);
    if (!got.ok()) return got;
    produced_bytes_ += *got;
    if (produced_bytes_ > limit_bytes_) {
      return absl::ResourceExhaustedError(
          absl::StrCat(Place(), "more than ", limit_bytes_,
                       " bytes of data; the limit keeps a small file from "
                       "unpacking without end"));
    }
    return got;
  }

  std::string name() const override { return source_->name(); }

 private:
  std::string Place() const {
    const std::string name = source_->name();
    return name.empty() ? name : absl::StrCat(name, ": ");
  }

  // Reads until the kind can be told, then chooses.
  absl::Status Start() {
    absl::Status status = FillTo(kLongestMagicBytes);
    if (!status.ok()) return status;
    const absl::string_view head(input_.data(), input_end_);
    if (absl::StartsWith(head, kGzipMagic)) {
      decoder_ = std::make_unique<GzipDecoder>();
    } else if (absl::StartsWith(head, kZstdMagic)) {
      decoder_ = std::make_unique<ZstdDecoder>();
    }
    return absl::OkStatus();
  }

  // Makes at least `bytes` of input available, unless the source ends first.
  absl::Status FillTo(size_t bytes) {
    if (input_end_ - input_at_ >= bytes) return absl::OkStatus();
    memmove(input_.data(), input_.data() + input_at_, input_end_ - input_at_);
    input_end_ -= input_at_;
    input_at_ = 0;
    while (input_end_ < bytes && !source_ended_) {
      const absl::StatusOr<size_t> got =
          source_->Read(input_.data() + input_end_, input_.size() - input_end_);
      if (!got.ok()) return got.status();
      if (*got == 0) source_ended_ = true;
      input_end_ += *got;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> ReadPlain(char* buffer, size_t size) {
    if (input_at_ == input_end_) {
      // Straight into the caller's buffer once the looked-at bytes are gone.
      return source_ended_ ? size_t{0} : source_->Read(buffer, size);
    }
    const size_t count = std::min(size, input_end_ - input_at_);
    memcpy(buffer, input_.data() + input_at_, count);
    input_at_ += count;
    return count;
  }

  absl::StatusOr<size_t> Inflate(char* buffer, size_t size) {
    while (true) {
      if (member_ended_) {
        absl::Status status = FillTo(decoder_->magic().size());
        if (!status.ok()) return status;
        const absl::string_view rest(input_.data() + input_at_,
                                     input_end_ - input_at_);
        if (rest.empty()) return 0;
        if (!absl::StartsWith(rest, decoder_->magic())) {
          return absl::DataLossError(absl::StrCat(
              Place(), "bytes behind the end of the ", decoder_->name(),
              " data that are none themselves; the file is "
              "damaged"));
        }
        status = decoder_->Restart();
        if (!status.ok()) return status;
        member_ended_ = false;
      }
      if (absl::Status status = FillTo(1); !status.ok()) return status;
      const absl::StatusOr<Decoder::Step> step = decoder_->Decode(
          input_.data() + input_at_, input_end_ - input_at_, buffer, size);
      if (!step.ok()) {
        return absl::Status(step.status().code(),
                            absl::StrCat(Place(), step.status().message()));
      }
      input_at_ += step->consumed;
      member_ended_ = step->member_ended;
      if (step->produced > 0) return step->produced;
      if (!member_ended_ && step->consumed == 0 && source_ended_) {
        return absl::DataLossError(
            absl::StrCat(Place(), "truncated ", decoder_->name(),
                         " data: it ends before its end mark; fetch the file "
                         "again"));
      }
    }
  }

  const std::unique_ptr<ByteSource> source_;
  const uint64_t limit_bytes_;
  std::unique_ptr<Decoder> decoder_;  // null: plain
  std::vector<char> input_;
  size_t input_at_ = 0;
  size_t input_end_ = 0;
  uint64_t produced_bytes_ = 0;
  bool started_ = false;
  bool source_ended_ = false;
  bool member_ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> Decompress(std::unique_ptr<ByteSource> source,
                                       uint64_t limit_bytes) {
  return std::make_unique<DecompressingSource>(std::move(source), limit_bytes);
}

}  // namespace rbld
