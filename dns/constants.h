// Numbers of the DNS that more than one file needs, by their IANA names.
#ifndef RBLD_DNS_CONSTANTS_H_
#define RBLD_DNS_CONSTANTS_H_

#include <cstdint>

namespace rbld {

inline constexpr int kHeaderBytes = 12;          // RFC 1035 §4.1.1
inline constexpr int kMaxMessageBytes = 65535;   // RFC 1035 §4.2.2
inline constexpr int kMinUdpPayloadBytes = 512;  // RFC 1035 §4.2.1
// What fits into the smallest IPv6 MTU and so is never fragmented; the size we
// announce and the most that we send over UDP.
inline constexpr int kMaxUdpPayloadBytes = 1232;

// RFC 1035 §4.1.1: bits of the header's second word.
inline constexpr uint16_t kFlagQr = 0x8000;
inline constexpr uint16_t kOpcodeMask = 0x7800;
inline constexpr int kOpcodeShift = 11;
inline constexpr uint16_t kFlagAa = 0x0400;
inline constexpr uint16_t kFlagTc = 0x0200;
inline constexpr uint16_t kFlagRd = 0x0100;

inline constexpr int kOpcodeQuery = 0;

enum class RrType : uint16_t {
  kA = 1,
  kNs = 2,
  kCname = 5,
  kSoa = 6,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kOpt = 41,
  kDs = 43,
  kTkey = 249,
  kTsig = 250,
  kIxfr = 251,
  kAxfr = 252,
  kMailb = 253,
  kMaila = 254,
  kAny = 255,
};

inline constexpr uint16_t kClassIn = 1;
inline constexpr uint16_t kClassChaos = 3;
inline constexpr uint16_t kClassAny = 255;

// RFC 6895 §2.3. Numbers above 15 need EDNS (RFC 6891 §6.1.3).
enum class Rcode : uint16_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
  kNotAuth = 9,
  kBadVers = 16,
};

// RFC 8914 §4.
enum class ExtendedError : uint16_t {
  kNone = 0xffff,
  kNotReady = 14,
  kProhibited = 18,
  kNotAuthoritative = 20,
  kNotSupported = 21,
};

inline uint16_t ReadU16(const uint8_t* bytes) {
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

inline void WriteU16(uint8_t* bytes, uint16_t value) {
  bytes[0] = static_cast<uint8_t>(value >> 8);
  bytes[1] = static_cast<uint8_t>(value);
}

inline uint32_t ReadU32(const uint8_t* bytes) {
  return uint32_t{ReadU16(bytes)} << 16 | ReadU16(bytes + 2);
}

inline void WriteU32(uint8_t* bytes, uint32_t value) {
  WriteU16(bytes, static_cast<uint16_t>(value >> 16));
  WriteU16(bytes + 2, static_cast<uint16_t>(value));
}

}  // namespace rbld

#endif  // RBLD_DNS_CONSTANTS_H_
