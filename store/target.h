// Target: what can be listed: an IPv4 or IPv6 prefix, or a domain name in one
// of three scopes.
#ifndef RBLD_STORE_TARGET_H_
#define RBLD_STORE_TARGET_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"

namespace rbld {

// The values are those of docs/STORE_FORMAT.md.
enum class TargetKind : uint8_t { kName = 1, kIpv4 = 4, kIpv6 = 6 };

// "ipv4", "ipv6", "name"; "IPv4 addresses", "IPv6 addresses", "names".
const char* KindName(TargetKind kind);
const char* KindWords(TargetKind kind);

// Which names a name target means. Values as in docs/STORE_FORMAT.md.
enum class NameScope : uint8_t {
  kExact = 1,           // "example.com"
  kSubdomains = 2,      // "*.example.com": names below, not the name itself
  kWithSubdomains = 3,  // ".example.com": both
};

// The longest a name may be inside a zone: 255 bytes (RFC 1035 §3.1) less the
// root's byte.
inline constexpr int kMaxNameBytes = 254;

// A value type.
class Target {
 public:
  Target() = default;
  static Target OfPrefix(const IpPrefix& prefix);
  // `reversed_wire` as reversed_wire() below; the caller vouches for it.
  static Target OfName(std::string reversed_wire, NameScope scope);

  // Text as operators and feeds write it: an address, a CIDR prefix (of IPv4
  // with a netmask, too, "192.0.2.0/255.255.255.0"), a name,
  // ".name" (with its subdomains) or "*.name" (only those). Names are lowered;
  // a trailing dot is allowed. A label is 1 to 63 bytes of printable ASCII but
  // blanks, '*' and '\', or of any bytes written as "\." or "\046" (RFC 1035
  // §5.1). Text of four numbers that is no address is an error, not a name.
  static absl::StatusOr<Target> Parse(absl::string_view text);

  TargetKind kind() const { return kind_; }
  bool is_name() const { return kind_ == TargetKind::kName; }
  // Preconditions: !is_name(); is_name().
  const IpPrefix& prefix() const { return prefix_; }
  NameScope scope() const { return scope_; }
  // The labels from the top down, each after its length byte, lower case, no
  // root byte: example.com is "\3com\7example". A name's string is a prefix of
  // those of all its subdomains.
  const std::string& reversed_wire() const { return reversed_wire_; }

  // What Parse reads back as the same target, whatever bytes a name has. Dots
  // and backslashes inside labels are written "\." and "\\"; blanks, '*', '#'
  // and what is not printable ASCII as "\DDD", and so is the first byte of a
  // name that would be read as something else, such as "1.2.3.4".
  std::string ToString() const;

  // The bytes that sort targets in the store: kind, then address and prefix
  // length, or reversed labels, a 0 byte and the scope. Whatever contains a
  // target of the same kind sorts before it.
  void AppendKey(std::string* key) const;
  std::string Key() const {
    std::string key;
    AppendKey(&key);
    return key;
  }
  // Reads what AppendKey wrote and removes it from the front of `*bytes`.
  static absl::StatusOr<Target> ConsumeKey(absl::string_view* bytes);

  friend bool operator==(const Target&, const Target&) = default;

 private:
  TargetKind kind_ = TargetKind::kIpv4;
  NameScope scope_ = NameScope::kExact;
  IpPrefix prefix_;
  std::string reversed_wire_;
};

// What may be listed as a name.
enum class NameRule : uint8_t {
  // Host and domain names: labels of letters, digits, hyphens and underscores,
  // two of them or more; one label only with its subdomains (".label"); no last
  // label of digits alone, which is a mistyped address.
  kHost,
  // These, and any single label of such characters, such as a hash.
  kAny,
};

// Ok for addresses, and for names that somebody can mean when they list
// something new. InvalidArgument says what it looks like instead and what to
// do. What a store holds already may be other names.
absl::Status CheckListable(const Target& target,
                           NameRule rule = NameRule::kHost);

}  // namespace rbld

#endif  // RBLD_STORE_TARGET_H_
