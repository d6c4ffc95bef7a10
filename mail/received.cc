#include "mail/received.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rbld {
namespace {

constexpr size_t kMaxFieldBytes = 8192;
constexpr size_t kMaxShownBytes = 120;

// A field taken apart: words outside of comments, and the comments.
struct Piece {
  bool is_comment = false;
  std::string text;
};

std::vector<Piece> Split(absl::string_view value) {
  std::vector<Piece> pieces;
  int depth = 0;
  std::string text;
  const auto end_piece = [&](bool is_comment) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(text);
    if (!stripped.empty())
      pieces.push_back({is_comment, std::string(stripped)});
    text.clear();
  };
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\' && depth > 0 && i + 1 < value.size()) {
      text.push_back(value[++i]);
    } else if (c == '(') {
      if (depth++ == 0) {
        end_piece(false);
      } else {
        text.push_back(c);
      }
    } else if (c == ')' && depth > 0) {
      if (--depth == 0) {
        end_piece(true);
      } else {
        text.push_back(c);
      }
    } else if (depth == 0 && absl::ascii_isspace(c)) {
      end_piece(false);
    } else {
      text.push_back(absl::ascii_isspace(c) ? ' ' : c);
    }
  }
  end_piece(depth > 0);
  return pieces;
}

std::optional<IpPrefix> AddressIn(absl::string_view text) {
  if (absl::StartsWithIgnoreCase(text, "IPv6:")) text.remove_prefix(5);
  const absl::StatusOr<IpPrefix> address = ParseIpPrefix(text);
  if (!address.ok() || !address->IsSingleAddress()) return std::nullopt;
  return *address;
}

// "[192.0.2.7]", "[IPv6:2001:db8::7]", perhaps with a port behind it.
std::optional<IpPrefix> Literal(absl::string_view word) {
  const size_t end = word.find(']');
  if (word.empty() || word.front() != '[' || end == absl::string_view::npos) {
    return std::nullopt;
  }
  const absl::string_view rest = word.substr(end + 1);
  if (!rest.empty() && rest.front() != ':' && rest.front() != '.') {
    return std::nullopt;
  }
  return AddressIn(word.substr(1, end - 1));
}

bool IsSaidByClient(absl::string_view word) {
  for (const char* key : {"helo=", "ehlo=", "ident="}) {
    if (absl::StartsWithIgnoreCase(word, key)) return true;
  }
  // "ident@[192.0.2.7]" is sendmail's: who, and then where.
  return false;
}

// The address in a comment that the receiver wrote. Without brackets only where
// it is all of the comment, as qmail and Exchange write it.
std::optional<IpPrefix> AddressOfComment(absl::string_view comment) {
  if (absl::StartsWithIgnoreCase(comment, "HELO ") ||
      absl::StartsWithIgnoreCase(comment, "EHLO ")) {
    return std::nullopt;
  }
  std::optional<IpPrefix> found;
  const std::vector<absl::string_view> words =
      absl::StrSplit(comment, ' ', absl::SkipEmpty());
  for (absl::string_view word : words) {
    if (IsSaidByClient(word)) continue;
    const size_t at = word.rfind("@[");
    if (at != absl::string_view::npos) word.remove_prefix(at + 1);
    // The last one: names stand before it, and a name may look like one.
    if (const std::optional<IpPrefix> literal = Literal(word)) found = literal;
  }
  if (!found.has_value() && words.size() == 1) {
    absl::string_view word = words.front();
    const size_t at = word.rfind('@');
    if (at != absl::string_view::npos) word.remove_prefix(at + 1);
    found = AddressIn(word);
  }
  return found;
}

std::string Shown(absl::string_view field) {
  std::string text(field.substr(0, kMaxShownBytes));
  for (char& c : text) {
    if (!absl::ascii_isprint(c)) c = ' ';
  }
  return text;
}

bool Trusts(const TrustedHops& trusted, const IpPrefix& address) {
  return std::any_of(
      trusted.prefixes.begin(), trusted.prefixes.end(),
      [&](const IpPrefix& prefix) { return prefix.Contains(address); });
}

}  // namespace

ReceivedHop ParseReceived(absl::string_view value) {
  ReceivedHop hop;
  std::optional<IpPrefix> outside;
  bool in_from = false;
  bool want_by = false;
  for (const Piece& piece : Split(value.substr(0, kMaxFieldBytes))) {
    if (want_by) {
      if (piece.is_comment) continue;
      hop.by = absl::AsciiStrToLower(piece.text);
      break;
    }
    if (piece.is_comment) {
      if (in_from && !hop.from.has_value()) {
        hop.from = AddressOfComment(piece.text);
      }
    } else if (absl::EqualsIgnoreCase(piece.text, "by")) {
      want_by = true;
    } else if (absl::EqualsIgnoreCase(piece.text, "from") && !in_from) {
      in_from = true;
    } else if (in_from && !outside.has_value()) {
      outside = Literal(piece.text);
    }
  }
  // Exim's "from [192.0.2.7] (helo=…)": the literal outside is what it saw only
  // where no comment says otherwise.
  if (!hop.from.has_value()) hop.from = outside;
  while (!hop.by.empty() && (hop.by.back() == ';' || hop.by.back() == '.')) {
    hop.by.pop_back();
  }
  return hop;
}

absl::StatusOr<IpPrefix> RelayOf(const std::vector<std::string>& fields,
                                 const TrustedHops& trusted) {
  if (fields.empty()) {
    return absl::InvalidArgumentError(
        "the mail has no Received field; give it as it was received, with all "
        "of its header");
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    const ReceivedHop hop = ParseReceived(fields[i]);
    const bool is_trusted =
        trusted.names.empty()
            ? i == 0 || Trusts(trusted, *ParseReceived(fields[i - 1]).from)
            : std::find(trusted.names.begin(), trusted.names.end(), hop.by) !=
                  trusted.names.end();
    if (!is_trusted) {
      return absl::InvalidArgumentError(absl::StrCat(
          "Received field ", i + 1, " was written by \"", hop.by,
          "\", which is not named as trusted; name the hosts that you trust by "
          "what stands behind \"by\": ",
          Shown(fields[i])));
    }
    if (!hop.from.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "Received field ", i + 1, " tells no address: ", Shown(fields[i])));
    }
    if (!Trusts(trusted, *hop.from)) return *hop.from;
  }
  return absl::InvalidArgumentError(
      "all hops are trusted, so none of them is the relay");
}

}  // namespace rbld
