#include "tests/rbldnsd/zone_generator.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace rbld {
namespace {

using Strings = std::vector<std::string>;

class Generator {
 public:
  explicit Generator(Random* random) : random_(*random) {
    for (uint32_t& network : networks_) {
      network = static_cast<uint32_t>(random_()) & 0xffff0000;
    }
    for (absl::uint128& network : networks6_) {
      network = absl::MakeUint128(
          0x2001000000000000 | (random_() & 0x0fffffffffff0000), 0);
    }
  }

  GeneratedZone Zone(DatasetType type) {
    GeneratedZone zone;
    zone.datasets.push_back(Dataset(type));
    if (type == DatasetType::kAcl) {
      zone.datasets.push_back(Dataset(DatasetType::kGeneric));
      zone.datasets.push_back(
          Dataset(OneIn(2) ? DatasetType::kIp4Set : DatasetType::kDnset));
    } else if (OneIn(5) && type != DatasetType::kCombined) {
      // Stacked: the values of both are answered.
      zone.datasets.push_back(Dataset(OneIn(2) ? type : DatasetType::kGeneric));
    }
    AddGeneralNames();
    std::shuffle(names_.begin(), names_.end(), random_);
    zone.names = std::move(names_);
    return zone;
  }

 private:
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T>
  const T& OneOf(const std::vector<T>& all) {
    return all[Below(all.size())];
  }

  // ---- lines that all types have ----

  std::string Text() {
    static const Strings kTexts = {"text",
                                   "listed, see http://x.example/?$",
                                   "$",
                                   "$$ $ $$",
                                   "$1 and $2",
                                   "$0$=$9",
                                   "=bypass $ $1",
                                   "two  blanks",
                                   "with # sharp ; and semicolon",
                                   "a:b:c",
                                   "\"quoted\"",
                                   "back\\slash",
                                   "caf\xc3\xa9",
                                   "tab\there"};
    if (OneIn(60)) return absl::StrCat(std::string(240, 'x'), "$", "tail");
    if (OneIn(60)) return std::string(300 + Below(300), 'y');
    // Where something ends: rbldnsd's texts and ours, and rbldnsd's lines.
    if (OneIn(30)) return std::string(253 + Below(4), 'z');
    if (OneIn(120)) return absl::StrCat(std::string(249 + Below(8), 'z'), "$1");
    if (OneIn(120)) return std::string(4094 + Below(5), 'z');
    if (OneIn(1500)) return std::string(OneIn(2) ? 10000 : 40000, 'z');
    return OneOf(kTexts);
  }

  std::string Code() {
    static const Strings kCodes = {"2",   "3",         "4",        "127.0.0.5",
                                   "255", "127.1.2.3", "10.0.0.1", "1.2"};
    return OneOf(kCodes);
  }

  std::string Values() {
    switch (Below(9)) {
      case 0:
      case 1:
        return "";
      case 2:
        return absl::StrCat(":", Code(), ":", Text());
      case 3:
        return absl::StrCat(":", Code());
      case 4:
        return absl::StrCat(":", Code(), ":");
      case 5:
        return Text();
      case 6:
        return absl::StrCat(":", Code(), " : ", Text(), "  ");
      case 7:
        return OneIn(2) ? "# comment" : "; comment";
      default:
        return absl::StrCat(":", Below(250) + 1, ":");
    }
  }

  std::string BadLine() {
    static const Strings kBad = {"1.2.3.256",
                                 "1.2.3.4/33",
                                 "1.2.3.4.5",
                                 "300.1.1.1 x",
                                 "1.2.3.9/24",
                                 "not-an-address!",
                                 "1.2.3.4 :x:y",
                                 ":x:bad default",
                                 "$TTL never",
                                 "$MAXRANGE4 /99",
                                 "1.2.3.4 ::",
                                 "1.2.3.4",
                                 "10.0.0.0/8 text",
                                 "0/0",
                                 "2001:db8::1",
                                 "10::1 :3:x",
                                 "::1",
                                 "::ffff:1.2.3.4",
                                 "2001:db8::12345",
                                 "1:2:3:4:5:6:7::8",
                                 "$x",
                                 "$1",
                                 "$TTL 1h30m",
                                 "$TTL 7 # seconds",
                                 "$MAXRANGE4 16 ; few",
                                 "$NAMESERVER",
                                 "#$TTL",
                                 "-",
                                 "a..b",
                                 "1::2::3",
                                 "2001:db8::1/129",
                                 "2001:db8::1/64",
                                 ".",
                                 "*.",
                                 "!",
                                 "9.9.9.9-9.9.9.1",
                                 "www AAAA",
                                 "x A 1.2.3",
                                 "x MX mail"};
    return OneOf(kBad);
  }

  std::string Special() {
    static const Strings kMarks = {"$", "$", "$", "#$", ";$", ":$"};
    switch (Below(8)) {
      case 0:
        return absl::StrCat(OneOf(kMarks), "TTL ",
                            OneOf(Strings{"5", "2m", "1h", "1d", "90s"}));
      case 1:
        return absl::StrCat(OneOf(kMarks), "MAXRANGE4 ",
                            OneOf(Strings{"256", "/16", "/20", "70000"}));
      case 2:
        return absl::StrCat(OneOf(kMarks), "= base $= of $ $1");
      default:
        return absl::StrCat(OneOf(kMarks), Below(4), " var",
                            OneOf(Strings{"", "1", " $ x"}));
    }
  }

  std::string Head(DatasetType type) {
    std::string head;
    if (type == DatasetType::kAcl) return head;
    if (OneIn(12)) {
      const std::string longest(63, 'l');
      return absl::StrCat(
          "$SOA 1h ", longest, ".Ns.", longest, ".example..org HostMaster.",
          longest, ".", longest, ".Example.Org. 7 1h 10m 1w 5m",
          OneIn(4) ? " # with a comment\n" : "\n",
          OneIn(2) ? "$NAMESERVER" : "#$ns", " 1d ", longest, ".", longest,
          ".A.Example -", std::string(70, 'x'), " b\\.c.example",
          OneIn(3) ? " # with a comment\n" : "\n");
    }
    if (!OneIn(4)) {
      absl::StrAppend(&head, "$SOA ", OneOf(Strings{"0", "1h", "60"}),
                      " ns.example.org hostmaster.example.org ",
                      OneOf(Strings{"0", "7", "2024010100"}), " 1h 10m 1w ",
                      OneOf(Strings{"30", "5m", "2h"}), "\n");
    }
    if (!OneIn(4)) {
      absl::StrAppend(&head, "$NS ", OneOf(Strings{"0", "1d"}),
                      " a.ns.example.org -b.ns.example.org ns2.example.org\n");
    }
    return head;
  }

  GeneratedDataset Dataset(DatasetType type) {
    GeneratedDataset dataset;
    dataset.type = type;
    const uint64_t files = OneIn(4) ? 2 : 1;
    for (uint64_t i = 0; i < files; ++i) {
      std::string text = Head(type);
      if (type == DatasetType::kCombined) {
        AddSections(&text);
      } else {
        AddLines(type, &text);
      }
      Disturb(&text);
      dataset.files.push_back(std::move(text));
    }
    return dataset;
  }

  // What is not of the language: files from other systems, damaged ones.
  void Disturb(std::string* text) {
    Strings lines = absl::StrSplit(*text, '\n');
    if (OneIn(10)) {
      static const Strings kEnds = {"\r", "\r", " \r", "\r \t", "\r\r"};
      for (std::string& line : lines) {
        if (OneIn(2)) line += OneOf(kEnds);
      }
    }
    if (OneIn(8)) {
      static const std::string kControls("\0\1\7\v\f\r\x1b\x7f", 8);
      for (uint64_t i = 0; i < 4; ++i) {
        std::string& line = lines[Below(lines.size())];
        if (line.empty() || absl::StrContains(line, "$DATASET")) continue;
        line.insert(Below(line.size()), 1, kControls[Below(8)]);
      }
    }
    if (OneIn(40)) {
      std::string& line = lines[Below(lines.size())];
      if (!line.empty()) line += std::string(66000, 'w');
    }
    *text = absl::StrJoin(lines, "\n");
    if (OneIn(20)) text->insert(0, "\xef\xbb\xbf");
    if (OneIn(5) && !text->empty() && text->back() == '\n') text->pop_back();
  }

  void AddLines(DatasetType type, std::string* text) {
    const uint64_t lines = 1 + Below(40);
    const bool templated = OneIn(2);
    // rbldnsd ends at a value behind a default that is an action.
    acl_actions_only_ = type == DatasetType::kAcl && OneIn(3);
    for (uint64_t i = 0; i < lines; ++i) {
      if (templated && OneIn(8)) absl::StrAppend(text, Special(), "\n");
      if (type == DatasetType::kAcl && OneIn(12)) {
        static const Strings kDefaults = {":refuse", "=pass", ":e", ":pass:x",
                                          "=nothing"};
        absl::StrAppend(text,
                        acl_actions_only_ ? OneOf(kDefaults)
                        : OneIn(2)        ? absl::StrCat(":", Code())
                                   : absl::StrCat(":", Code(), ":", Text()),
                        "\n");
      }
      if (OneIn(12) && type != DatasetType::kGeneric &&
          type != DatasetType::kAcl) {
        absl::StrAppend(text, ":", Code(),
                        OneIn(3) ? "" : absl::StrCat(":", Text()), "\n");
      }
      if (OneIn(25) && !acl_actions_only_) {
        absl::StrAppend(text, BadLine(), "\n");
      }
      if (OneIn(25)) absl::StrAppend(text, "# a comment\n\n");
      if (OneIn(30)) absl::StrAppend(text, "  ");
      absl::StrAppend(text, Entry(type), "\n");
    }
  }

  std::string Entry(DatasetType type) {
    switch (type) {
      case DatasetType::kIp4Set:
        return Ip4SetEntry();
      case DatasetType::kIp4Tset:
        return Ip4TsetEntry();
      case DatasetType::kIp4Trie:
        return Ip4TrieEntry();
      case DatasetType::kIp6Tset:
        return Ip6TsetEntry();
      case DatasetType::kIp6Trie:
        return Ip6TrieEntry();
      case DatasetType::kGeneric:
        return GenericEntry();
      case DatasetType::kAcl:
        return AclEntry();
      default:
        return DnsetEntry();
    }
  }

  std::string Mark() { return OneIn(6) ? (OneIn(3) ? "! " : "!") : ""; }

  // ---- IPv4 ----

  uint32_t Ipv4Address() {
    const uint32_t network = networks_[Below(networks_.size())];
    // Few places, so that entries meet.
    return network | static_cast<uint32_t>(Below(4) << 8 | Below(256)) |
           (OneIn(8) ? static_cast<uint32_t>(Below(256) << 8) : 0);
  }

  std::string Quad(uint32_t address, int octets = 4) {
    static const Strings kZeros = {"0", "00", "0000"};
    Strings parts;
    for (int i = 0; i < octets; ++i) {
      parts.push_back(absl::StrCat(OneIn(100) ? OneOf(kZeros) : "",
                                   address >> (24 - 8 * i) & 255));
    }
    return absl::StrJoin(parts, ".");
  }

  static std::string Reversed(uint32_t address, int octets = 4) {
    Strings parts;
    for (int i = octets; i-- > 0;) {
      parts.push_back(absl::StrCat(address >> (24 - 8 * i) & 255));
    }
    return absl::StrJoin(parts, ".");
  }

  void AskIpv4(uint32_t address) {
    names_.push_back(Reversed(address));
    if (OneIn(12)) {
      names_.push_back(Reversed(address, static_cast<int>(1 + Below(3))));
    }
    if (OneIn(40)) names_.push_back(absl::StrCat("x.", Reversed(address)));
    if (OneIn(40)) names_.push_back(absl::StrCat("0", Reversed(address)));
    if (OneIn(12)) {
      const absl::uint128 mapped =
          absl::MakeUint128(0, 0xffff00000000 | address);
      const absl::uint128 six_to_four = absl::MakeUint128(
          uint64_t{0x2002} << 48 | uint64_t{address} << 16, Below(3));
      names_.push_back(Reversed6(OneIn(2) ? mapped : six_to_four));
      if (OneIn(3)) {
        names_.push_back(Reversed6(OneIn(2) ? mapped : six_to_four,
                                   static_cast<int>(Below(32)) + 1));
      }
    }
  }

  void AskIpv4Range(uint32_t first, uint32_t last) {
    // More from inside than from the edges, so that enough is listed.
    for (int i = 0; i < 10; ++i) {
      AskIpv4(first + static_cast<uint32_t>(Below(uint64_t{last} - first + 1)));
    }
    for (const uint32_t edge : {first, last}) {
      AskIpv4(edge);
      AskIpv4(edge - 1);
      AskIpv4(edge + 1);
    }
  }

  // A prefix as text, of 8 to 32 bits.
  std::string Ipv4Prefix() {
    const uint32_t address = Ipv4Address();
    const int bits =
        static_cast<int>(OneIn(6) ? 8 + Below(25) : 20 + Below(13));
    const uint32_t mask = static_cast<uint32_t>(0xffffffffull << (32 - bits));
    const uint32_t first = address & mask;
    AskIpv4Range(first, first | ~mask);
    const int octets = (bits + 7) / 8;
    return absl::StrCat(Quad(first, OneIn(3) ? octets : 4), "/", bits);
  }

  std::string Ip4SetEntry() {
    const uint32_t address = Ipv4Address();
    std::string entry = Mark();
    switch (Below(8)) {
      case 0:
      case 1:
        absl::StrAppend(&entry, Ipv4Prefix());
        break;
      case 2: {
        const int octets = static_cast<int>(2 + Below(2));
        const uint32_t mask = 0xffffffffu << (32 - 8 * octets);
        AskIpv4Range(address & mask, address | ~mask);
        absl::StrAppend(&entry, Quad(address, octets));
        break;
      }
      case 3: {
        const uint32_t last = address + static_cast<uint32_t>(Below(700));
        if (last < address) return entry + Quad(address);
        AskIpv4Range(address, last);
        absl::StrAppend(&entry, Quad(address), "-", Quad(last));
        break;
      }
      case 4: {
        const uint32_t last = address | static_cast<uint32_t>(Below(256));
        AskIpv4Range(address, last);
        absl::StrAppend(&entry, Quad(address), "-", last & 255);
        break;
      }
      case 5: {
        const uint32_t last = address | static_cast<uint32_t>(Below(4) << 8);
        AskIpv4Range(address & ~255u, last | 255);
        absl::StrAppend(
            &entry, Quad(address, 3), "-",
            OneIn(2) ? Quad(last, 3) : absl::StrCat(last >> 8 & 255));
        break;
      }
      default:
        AskIpv4Range(address, address);
        absl::StrAppend(&entry, Quad(address));
    }
    return absl::StrCat(entry,
                        OneIn(10)  ? "\t"
                        : OneIn(8) ? ""
                                   : " ",
                        Values());
  }

  std::string Ip4TsetEntry() {
    const uint32_t address = Ipv4Address();
    AskIpv4Range(address, address);
    for (int i = 0; i < 8; ++i) AskIpv4(address);
    return absl::StrCat(OneIn(20) ? "!" : "", Quad(address),
                        OneIn(20) ? "/24" : "", OneIn(8) ? "" : " ",
                        OneIn(3) ? Values() : "");
  }

  std::string Ip4TrieEntry() {
    std::string entry = Mark();
    if (OneIn(3)) {
      const uint32_t address = Ipv4Address();
      AskIpv4Range(address, address);
      absl::StrAppend(&entry, Quad(address));
    } else {
      absl::StrAppend(&entry, Ipv4Prefix());
    }
    return absl::StrCat(entry, OneIn(8) ? "" : " ", Values());
  }

  // ---- IPv6 ----

  absl::uint128 Ipv6Address() {
    absl::uint128 address = networks6_[Below(networks6_.size())];
    address |= absl::MakeUint128(Below(4), Below(4));
    if (OneIn(4)) address |= absl::MakeUint128(0, random_());
    if (OneIn(30)) address = absl::MakeUint128(random_(), random_());
    return address;
  }

  std::string Text6(absl::uint128 address, int words = 8) {
    static const Strings kZeros = {"0", "00", "0000"};
    Strings parts;
    for (int i = 0; i < words; ++i) {
      parts.push_back(absl::StrCat(
          OneIn(60) ? OneOf(kZeros) : "",
          absl::Hex(absl::Uint128Low64(address >> (112 - 16 * i)) & 0xffff)));
    }
    const std::string text = absl::StrJoin(parts, ":");
    return OneIn(20) ? absl::AsciiStrToUpper(text) : text;
  }

  static std::string Reversed6(absl::uint128 address, int nibbles = 32) {
    Strings parts;
    for (int i = nibbles; i-- > 0;) {
      parts.push_back(absl::StrCat(
          absl::Hex(absl::Uint128Low64(address >> (124 - 4 * i)) & 15)));
    }
    return absl::StrJoin(parts, ".");
  }

  void AskIpv6(absl::uint128 address) {
    names_.push_back(Reversed6(address));
    if (OneIn(10)) {
      names_.push_back(Reversed6(address, static_cast<int>(1 + Below(31))));
    }
  }

  void AskIpv6Range(absl::uint128 first, int bits) {
    const absl::uint128 hosts =
        bits == 128 ? absl::uint128(0) : (absl::uint128(1) << (128 - bits)) - 1;
    for (int i = 0; i < 8; ++i) {
      AskIpv6(first | (absl::MakeUint128(random_(), random_()) & hosts));
    }
    for (const absl::uint128 edge : {first, first | hosts}) {
      AskIpv6(edge);
      AskIpv6(edge - 1);
      AskIpv6(edge + 1);
    }
  }

  std::string Ip6TrieEntry() {
    static const std::vector<int> kBits = {16, 32, 40, 47, 48, 56,  60,
                                           63, 64, 65, 80, 96, 127, 128};
    if (OneIn(12)) {
      const absl::uint128 low = Below(6) + 1;
      AskIpv6Range(low, 128);
      return absl::StrCat(Mark(), "::", absl::Hex(absl::Uint128Low64(low)), " ",
                          Values());
    }
    const int bits = OneOf(kBits);
    const absl::uint128 hosts =
        bits == 128 ? absl::uint128(0) : (absl::uint128(1) << (128 - bits)) - 1;
    const absl::uint128 first = Ipv6Address() & ~hosts;
    AskIpv6Range(first, bits);
    std::string text;
    if (bits == 128 && OneIn(2)) {
      text = Text6(first);
    } else if (bits % 16 == 0 && bits > 16 && OneIn(2)) {
      text = Text6(first, bits / 16);
    } else if (OneIn(2)) {
      text = absl::StrCat(Text6(first), "/", bits);
    } else {
      const int words = std::max((bits + 15) / 16, 1);
      text =
          absl::StrCat(Text6(first, words), words < 8 ? "::" : "", "/", bits);
    }
    static const Strings kOdd = {
        ":3:glued $", ":5", "::3:x", ":", "#x",   ";x",
        "x",          "::", ":9:",   "/", "/000", "/1234"};
    if (OneIn(8)) return absl::StrCat(Mark(), text, OneOf(kOdd));
    return absl::StrCat(Mark(), text, OneIn(8) ? "" : " ", Values());
  }

  std::string Ip6TsetEntry() {
    const absl::uint128 address = Ipv6Address();
    if (OneIn(5)) {
      AskIpv6Range(address, 128);
      return absl::StrCat("!", Text6(address));
    }
    const absl::uint128 first =
        absl::MakeUint128(absl::Uint128High64(address), 0);
    AskIpv6Range(first, 64);
    return absl::StrCat(Text6(first, 4), OneIn(20) ? "::" : "", " ",
                        OneIn(4) ? Values() : "");
  }

  // ---- names ----

  std::string Name(uint64_t max_labels) {
    static const Strings kLabels = {"a",   "b",      "c",   "Mail",
                                    "x-1", "_dmarc", "com", "test",
                                    "net", "10",     "1",   "invalid"};
    Strings labels;
    for (uint64_t i = 1 + Below(max_labels); i > 0; --i) {
      labels.push_back(OneOf(kLabels));
    }
    return absl::StrJoin(labels, ".");
  }

  // A name as files have it, and as it can be asked for.
  struct OddName {
    std::string text;
    std::string asked;
  };

  std::string OddDnsetEntry() {
    const std::string longest(63, 'l');
    static const std::vector<OddName> kNames = {
        {"a;b", "a;b"},
        {"a.ex;x", "a.ex;x"},
        {"shop.example##.ad", "shop.example##.ad"},
        {"(x)", "(x)"},
        {"$x", "$x"},
        {"x$y.ex", "x$y.ex"},
        {"@", "@"},
        {"at@a.ex", "at@a.ex"},
        {".a.ex", "a.ex"},
        {"..a.ex", "a.ex"},
        {"a...b.ex", "a.b.ex"},
        {"a\\", "a"},
        {"a.ex.\\", "a.ex"},
        {"a\\25.ex", "a\\025.ex"},
        {"a\\7.ex", "a\\007.ex"},
        {"a\\0651.ex", "aa1.ex"},
        {"a\\256.ex", "a256.ex"},
        {"a\\.b.ex", "a\\.b.ex"},
        {"a\\\\b.ex", "a\\\\b.ex"},
        {"a\\b.ex", "ab.ex"},
        {"\"q\".ex", "\"q\".ex"},
        {"UPPER.Ex", "upper.ex"},
        {"a.ex.", "a.ex"},
        {"a.ex...", "a.ex"},
        {"caf\xc3\xa9.ex", "caf\\195\\169.ex"},
        {"\xff\x80\xa0.ex", "\\255\\128\\160.ex"},
        {"a#b", "a#b"},
        {"*", "*"},
        {"a*.*.ex", "a*.*.ex"},
        {"a:2:b", "a:2:b"},
        {"=a", "=a"},
        {"http://a.ex/?q", "http://a.ex/?q"},
        {"!x", "!x"},
        {"-", "-"},
        {"1.2.3.4/24", "1.2.3.4/24"},
        {longest + ".ex", longest + ".ex"},
        {longest + "l.ex", longest + ".ex"},
        {longest + "." + longest + "." + longest + ".ex",
         longest + "." + longest + "." + longest + ".ex"},
    };
    static const Strings kScopes = {"", "", "*.", ".", "."};
    const OddName& name = OneOf(kNames);
    for (int i = 0; i < 6; ++i) {
      names_.push_back(name.asked);
      names_.push_back(absl::StrCat("w.", name.asked));
    }
    return absl::StrCat(Mark(), OneOf(kScopes), name.text,
                        OneIn(10) ? "\t" : " ",
                        OneIn(3) ? ":3:see $ and $$" : Values());
  }

  std::string DnsetEntry() {
    if (OneIn(6)) return OddDnsetEntry();
    const std::string name = Name(3);
    for (int i = 0; i < 6; ++i) {
      names_.push_back(name);
      if (OneIn(2)) names_.push_back(name);
      names_.push_back(absl::StrCat(Name(2), ".", name));
    }
    if (OneIn(6)) names_.push_back(Name(4));
    // Every name above.
    for (size_t dot = name.find('.'); OneIn(3) && dot != std::string::npos;
         dot = name.find('.', dot + 1)) {
      names_.push_back(name.substr(dot + 1));
    }
    static const Strings kScopes = {"", "", "*.", ".", "."};
    return absl::StrCat(Mark(), OneOf(kScopes), name, OneIn(10) ? "." : "", " ",
                        Values());
  }

  std::string GenericEntry() {
    const std::string name = OneIn(6) ? "@" : Name(2);
    for (int i = 0; i < 12; ++i) names_.push_back(name == "@" ? "" : name);
    if (OneIn(3)) {
      names_.push_back(name == "@" ? "below" : absl::StrCat("below.", name));
    }
    std::string entry = name;
    if (OneIn(8)) {
      static const Strings kOdd = {
          " A 1.2.3.4;x",
          " A 1.2.3.4#x",
          " A 1.2.3.4 x",
          " A 1.2.3.4.5",
          " A 5",
          " A 1.2",
          " A 0",
          " A 1.2.3.",
          " A 256",
          " A 1.2.3.0004/24",
          " A ;",
          " TXT",
          " IN",
          " IN IN A 1.1",
          " txt \"",
          " TXT  \"\" ",
          " 5x A 1.2.3.4",
          " 1h30m A 1.2.3.4",
          " 5:A 1.2.3.4",
          " 2W a 1.2.3.4",
          " MX 10",
          " MX 10 mx extra",
          " MX 70000 mx",
          " MX +5 mx",
          " MX 0010 mx;x",
          " MX 10 .",
          " mx 10 Mail.Example..ORG.",
          " MX 10 a\\.b\\",
          " CNAME x",
          " A",
      };
      return absl::StrCat(entry, OneOf(kOdd));
    }
    if (OneIn(20)) {
      return absl::StrCat(entry, " TXT ", std::string(252 + Below(6), 't'));
    }
    if (OneIn(3)) {
      absl::StrAppend(&entry, " ", OneOf(Strings{"60", "1h", "5m"}));
    }
    if (OneIn(3)) absl::StrAppend(&entry, " IN");
    switch (Below(3)) {
      case 0:
        absl::StrAppend(&entry, " A 192.0.2.", Below(8));
        break;
      case 1:
        absl::StrAppend(&entry, " TXT ",
                        OneOf(Strings{"\"quoted text\"", "plain $ $1", "\"\"",
                                      "\"a\" \"b\"", "x"}));
        break;
      default:
        absl::StrAppend(&entry, " MX ", Below(20), " mx", Below(3),
                        ".example.org");
    }
    return entry;
  }

  // ---- access lists ----

  std::string AclEntry() {
    static const Strings kClients = {
        "0/0",        "127.0.0.0/8", "127.0.0.1",   "127.0.0.1/32",
        "10.0.0.0/8", "192.0.2.1",   "::/0",        "::1",
        "::",         "127.0.0.0/9", "128.0.0.0/1", "127.0.0.2"};
    static const Strings kActions = {
        ":pass", ":4:all $",    "",      ":refuse",  ":empty",
        ":pass", ":ignore",     ":PASS", ":4:all $", "all $",
        ":7",    ":pass # why", ":p",    "=refuse",  "=nope",
        ":Re;x", ":pass:x",     "# why", "; why",    ":passed"};
    static const Strings kOnlyActions = {":pass",   "",   ":refuse", ":empty",
                                         ":pass;x", ":p", ":4:all $"};
    return absl::StrCat(Mark(), OneOf(kClients), OneIn(6) ? "" : " ",
                        acl_actions_only_ ? OneOf(kOnlyActions)
                        : OneIn(8)        ? absl::StrCat(":4:", Text())
                                          : OneOf(kActions));
  }

  // ---- combined ----

  void AddSections(std::string* text) {
    static const std::vector<DatasetType> kTypes = {
        DatasetType::kIp4Set,  DatasetType::kIp4Trie, DatasetType::kIp6Trie,
        DatasetType::kIp4Tset, DatasetType::kDnset,   DatasetType::kGeneric};
    static const Strings kSubzones = {"@", "s1", "s2", "deep.s1", "s3.x"};
    if (OneIn(2)) absl::StrAppend(text, Special(), "\n");
    if (OneIn(10)) absl::StrAppend(text, "stray entry\n");
    for (uint64_t sections = 1 + Below(4); sections > 0; --sections) {
      const DatasetType type = OneOf(kTypes);
      Strings names = std::move(names_);
      names_.clear();
      Strings subzones;
      for (uint64_t i = 1 + Below(3); i > 0; --i) {
        const std::string& subzone = OneOf(kSubzones);
        if (std::find(subzones.begin(), subzones.end(), subzone) ==
            subzones.end()) {
          subzones.push_back(subzone);
        }
      }
      absl::StrAppend(text, "$DATASET ", DatasetTypeName(type),
                      OneIn(2) ? ":name" : "", " ",
                      absl::StrJoin(subzones, " "), "\n");
      if (OneIn(5)) absl::StrAppend(text, Head(type));
      AddLines(type, text);
      for (std::string& name : names_) {
        const std::string& subzone =
            OneIn(12) ? OneOf(kSubzones) : OneOf(subzones);
        if (subzone != "@") {
          absl::StrAppend(&name, name.empty() ? "" : ".", subzone);
        }
        names.push_back(std::move(name));
      }
      names_ = std::move(names);
      for (const std::string& subzone : subzones) {
        names_.push_back(subzone == "@" ? "" : subzone);
        names_.push_back(subzone == "@" ? "x"
                                        : subzone.substr(subzone.size() - 1));
      }
    }
  }

  void AddGeneralNames() {
    for (const char* name :
         {"", "", "2.0.0.127", "1.0.0.127", "127", "0.127", "nothing.here",
          "test", "invalid", "www", "8.8.8.8"}) {
      names_.push_back(name);
    }
    names_.push_back(Reversed6(absl::MakeUint128(0, 0xffff7f000002)));
    names_.push_back(Reversed6(absl::MakeUint128(0, 0xffff7f000001)));
  }

  Random& random_;
  // Of the acl lines that are made.
  bool acl_actions_only_ = false;
  std::vector<uint32_t> networks_ = std::vector<uint32_t>(3);
  std::vector<absl::uint128> networks6_ = std::vector<absl::uint128>(3);
  Strings names_;
};

}  // namespace

GeneratedZone GenerateZone(DatasetType type, Random* random) {
  return Generator(random).Zone(type);
}

}  // namespace rbld
