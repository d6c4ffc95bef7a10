#include "tests/relay/hostile_script.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rbld {
namespace {

constexpr size_t kHugeBytes = size_t{1} << 20;
constexpr int kManyLines = 600;
constexpr int kDripMs = 150;

constexpr std::array<int, 26> kUsualCodes = {
    211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 421, 450, 451,
    452, 455, 500, 501, 502, 503, 521, 530, 535, 550, 552, 553, 554};

// What a client takes a reply of this shape for.
bool IsReadable(Trait shape) {
  switch (shape) {
    case Trait::kPlain:
    case Trait::kMultiLine:
    case Trait::kBareCode:
    case Trait::kBareLf:
    case Trait::kSplit:
    case Trait::kEightBit:
    case Trait::kNul:
    case Trait::kEcho:
    case Trait::kTwice:
    case Trait::kEarly:
    case Trait::kEarlyLater:
    case Trait::kThenClose:
      return true;
    default:
      return false;
  }
}

std::string Repeat(absl::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) absl::StrAppend(&out, text);
  return out;
}

}  // namespace

const char* TraitName(Trait trait) {
  static constexpr std::array<const char*, kTraitCount> kNames = {
      "plain",         "multi-line",      "bare code",   "bare LF",
      "bare CR",       "split",           "slow drip",   "8-bit",
      "NUL",           "mixed codes",     "600 lines",   "1 MB line",
      "endless reply", "unended reply",   "not SMTP",    "odd code",
      "odd separator", "empty line",      "echo",        "twice",
      "early replies", "early, later",    "silence",     "close, no reply",
      "RST, no reply", "reply, close",    "reply, RST",  "endless banner",
      "no banner",     "bad banner",      "EHLO junk",   "accepts all",
      "random codes",  "refuses message", "TLS garbage", "TLS injection",
      "in the pause",  "after QUIT"};
  return kNames[static_cast<size_t>(trait)];
}

// splitmix64.
uint64_t Random::Next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

Script::Script(uint64_t seed, uint32_t address, uint32_t number)
    : random_(seed) {
  // The address has its policy; the connection its luck.
  random_ = Random(random_.Next() ^ address);
  policy_ = static_cast<Policy>(
      random_.Below(static_cast<uint64_t>(Policy::kMoody) + 1));
  constexpr std::array<int, 8> kPercents = {0, 0, 2, 5, 10, 20, 40, 80};
  hostile_percent_ = kPercents[random_.Below(kPercents.size())];
  random_ = Random(random_.Next() ^ number);
}

Trait Script::Shape() {
  if (random_.Chance(hostile_percent_)) {
    return static_cast<Trait>(
        random_.Below(static_cast<uint64_t>(Trait::kThenReset) + 1));
  }
  return random_.Chance(80) ? Trait::kPlain : Trait::kMultiLine;
}

Answer Script::Write(int code, absl::string_view text, Trait shape) {
  const std::string plain = absl::StrCat(code, " ", text, "\r\n");
  Answer answer;
  answer.traits.push_back(shape);
  // Of these the client reads all, or something that is no reply.
  const bool is_refusal = code / 100 == 4 || code / 100 == 5;
  if (IsReadable(shape) ||
      (is_refusal && (shape == Trait::kDrip || shape == Trait::kThenReset))) {
    answer.code = code;
  }
  const auto say = [&answer](std::string bytes, int wait_ms = 0,
                             Then then = Then::kGoOn) {
    answer.pieces.push_back({std::move(bytes), wait_ms, then});
  };
  switch (shape) {
    case Trait::kMultiLine:
      say(absl::StrCat(code, "-", text, "\r\n", code, "-\r\n", plain));
      break;
    case Trait::kBareCode:
      say(absl::StrCat(code, "\r\n"));
      break;
    case Trait::kBareLf:
      say(absl::StrCat(code, "-", text, "\n", code, " ", text, "\n"));
      break;
    case Trait::kBareCr:
      say(absl::StrCat(code, " ", text, "\r"));
      break;
    case Trait::kSplit:
      for (const char c : plain) {
        say(std::string(1, c), static_cast<int>(random_.Below(3)));
      }
      break;
    case Trait::kDrip:
      for (const char c : plain) say(std::string(1, c), kDripMs);
      break;
    case Trait::kEightBit:
      say(absl::StrCat(code, "-\xff\xfe\x80", text, "\r\n", code,
                       " gr\xc3\xbc\xdf\r\n"));
      break;
    case Trait::kNul:
      say(absl::StrCat(code, " a", std::string(3, '\0'), "b\x7f\x1b[2J\r\n"));
      break;
    case Trait::kMixedCodes:
      say(absl::StrCat(code, "-", text, "\r\n", code == 250 ? 550 : 250, " ",
                       text, "\r\n"));
      break;
    case Trait::kManyLines:
      say(Repeat(absl::StrCat(code, "-", text, "\r\n"), kManyLines));
      say(plain);
      break;
    case Trait::kHugeLine:
      say(absl::StrCat(code, " ", std::string(kHugeBytes, 'x'), "\r\n"));
      break;
    case Trait::kEndless:
      answer.endless = Repeat(absl::StrCat(code, "-", text, "\r\n"), 1000);
      break;
    case Trait::kUnended:
      say(absl::StrCat(code, "-", text, "\r\n"));
      break;
    case Trait::kNotSmtp: {
      const std::array<std::string, 5> texts = {
          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
          std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n", 10),
          "SSH-2.0-x\r\n", "* OK IMAP4rev1\r\n", "+OK POP3\r\n"};
      say(texts[random_.Below(texts.size())]);
      break;
    }
    case Trait::kOddCode: {
      const std::array<std::string, 8> codes = {
          "000 ", "999 ", "100 ", "25 ", "2500 ", "-250 ", "2x0 ", " 250 "};
      say(absl::StrCat(codes[random_.Below(codes.size())], text, "\r\n"));
      break;
    }
    case Trait::kOddSeparator:
      say(absl::StrCat(code, random_.Chance(50) ? "\t" : "_", text, "\r\n"));
      break;
    case Trait::kEmptyLine:
      say(absl::StrCat("\r\n", plain));
      break;
    case Trait::kTwice:
      say(absl::StrCat(plain, plain));
      answer.is_double = true;
      break;
    case Trait::kEarly:
      say(absl::StrCat(plain, "250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"));
      answer.is_double = true;
      break;
    case Trait::kEarlyLater:
      say(plain);
      for (const char* more : {"250 ok\r\n", "354 go\r\n", "250 ok\r\n"}) {
        say(more, 1 + static_cast<int>(random_.Below(5)));
      }
      answer.is_early = true;
      break;
    case Trait::kSilence:
      break;
    case Trait::kCloseFirst:
      say("", 0, Then::kClose);
      break;
    case Trait::kResetFirst:
      say("", 0, Then::kReset);
      break;
    case Trait::kThenClose:
      say(plain, 0, Then::kClose);
      break;
    case Trait::kThenReset:
      say(plain, 0, Then::kReset);
      break;
    default:
      say(plain);
      break;
  }
  return answer;
}

Answer Script::Greet() {
  const std::array<absl::string_view, 5> texts = {
      "mx.hostile.test ESMTP", "[10.0.0.1] hi", "hello", "a.b>SIZE=1\tx",
      "mx.hostile.test\x01\xff"};
  const absl::string_view text = texts[random_.Below(texts.size())];
  Trait shape = Shape();
  // Else most would end here.
  if (shape > Trait::kMultiLine && !random_.Chance(30)) shape = Trait::kPlain;
  int code = 220;
  if (hostile_percent_ != 0 && random_.Chance(4)) {
    code = kUsualCodes[random_.Below(kUsualCodes.size())];
  }
  Answer answer = Write(code, text, shape);
  if (code / 100 != 2) answer.traits.push_back(Trait::kBadGreeting);
  if (shape == Trait::kEndless) {
    answer.traits.push_back(Trait::kEndlessGreeting);
  }
  if (shape == Trait::kSilence) answer.traits.push_back(Trait::kNoGreeting);
  return answer;
}

int Script::CodeFor(absl::string_view verb, Policy policy) {
  if (policy == Policy::kMoody) {
    policy = static_cast<Policy>(
        random_.Below(static_cast<uint64_t>(Policy::kMoody)));
  }
  if (policy == Policy::kRandom) {
    // Not all random, or nobody would ever come to DATA.
    if (random_.Chance(25)) return 200 + static_cast<int>(random_.Below(400));
    if (random_.Chance(35)) {
      return kUsualCodes[random_.Below(kUsualCodes.size())];
    }
    policy = Policy::kAcceptsAll;
  }
  const auto one_of = [this](int a, int b, int c) {
    return std::array{a, b, c}[random_.Below(3)];
  };
  if (verb == "QUIT") return 221;
  if (verb == "STARTTLS") return random_.Chance(90) ? 220 : 454;
  if (verb == "MAIL" && policy == Policy::kWantsTls) return 530;
  if (verb == "RCPT" && policy == Policy::kClosed) return one_of(550, 553, 554);
  if (verb == "RCPT" && policy == Policy::kGreylists) {
    return one_of(450, 451, 452);
  }
  if (verb == "DATA") {
    return policy == Policy::kRefusesData ? one_of(451, 503, 554) : 354;
  }
  if (verb.empty() && policy == Policy::kRefusesMessage) {
    return one_of(451, 550, 554);
  }
  return 250;
}

Answer Script::Ehlo(int code) {
  Answer answer;
  answer.code = code;
  answer.traits.push_back(Trait::kMultiLine);
  const std::array<std::string, 8> junk = {"SIZE 99999999999999999999999999",
                                           "AUTH LOGIN PLAIN\r\n250-AUTH=LOGIN",
                                           "PIPELINING\r\n250-VRFY\r\n250-EXPN",
                                           "XCLIENT NAME ADDR",
                                           std::string(700, 'X'),
                                           "\xff\xfe\x01",
                                           "",
                                           "starttls x y z"};
  std::string text = absl::StrCat(code, "-mx.hostile.test\r\n");
  if (policy_ == Policy::kWantsTls || random_.Chance(20)) {
    absl::StrAppend(&text, code, "-STARTTLS\r\n");
  }
  const uint64_t lines = random_.Below(5);
  for (uint64_t i = 0; i < lines; ++i) {
    answer.traits.push_back(Trait::kEhloJunk);
    absl::StrAppend(&text, code, "-");
    // The lines within bring codes of their own.
    absl::StrAppend(&text, junk[code == 250 ? random_.Below(junk.size()) : 0],
                    "\r\n");
  }
  absl::StrAppend(&text, code, " HELP\r\n");
  answer.pieces.push_back({std::move(text)});
  return answer;
}

Answer Script::ToCommand(absl::string_view line) {
  const std::string verb =
      absl::AsciiStrToUpper(line.substr(0, line.find(' ')));
  const int code = CodeFor(verb, policy_);
  const Trait shape = Shape();
  if (verb == "EHLO" && shape <= Trait::kMultiLine) return Ehlo(code);
  Answer answer = shape == Trait::kEcho ? Write(code, line, shape)
                                        : Write(code, "so be it", shape);
  if (policy_ == Policy::kAcceptsAll) {
    answer.traits.push_back(Trait::kAcceptsAll);
  }
  if (policy_ == Policy::kRandom) answer.traits.push_back(Trait::kRandomCodes);
  if (verb == "STARTTLS" && code == 220 && shape == Trait::kPlain &&
      random_.Chance(30)) {
    answer.pieces.back().bytes += "250 injected\r\n";
    answer.is_double = true;
    answer.traits.push_back(Trait::kTlsInjection);
  }
  if (verb == "QUIT" && hostile_percent_ != 0 && random_.Chance(30)) {
    answer.traits.push_back(Trait::kAfterQuit);
    for (int i = 0; i < 5; ++i) {
      answer.pieces.push_back({"250 and 250 again\r\n354 go on\r\n", i});
    }
  }
  return answer;
}

Answer Script::ToMessage() {
  const int code = CodeFor("", policy_);
  const Trait shape = Shape();
  Answer answer = Write(code, "taken", shape);
  if (code / 100 != 2) answer.traits.push_back(Trait::kRefusesMessage);
  if (hostile_percent_ != 0 && random_.Chance(10)) {
    answer.traits.push_back(Trait::kInPause);
    answer.pieces.push_back({"250 once more\r\n", 100});
    // That ends the line, which begins with the code.
    if (shape == Trait::kBareCr) answer.code = code;
    answer.is_early = true;
  }
  return answer;
}

Answer Script::ToTls() {
  Answer answer;
  answer.traits.push_back(Trait::kTlsGarbage);
  const auto say = [&answer](std::string bytes, Then then = Then::kGoOn) {
    answer.pieces.push_back({std::move(bytes), 0, then});
  };
  std::string noise;
  for (int i = 0; i < 300; ++i)
    noise.push_back(static_cast<char>(random_.Next()));
  switch (random_.Below(8)) {
    case 0:
      say(noise);
      break;
    case 1:  // an alert
      say(std::string("\x15\x03\x03\x00\x02\x02\x28", 7));
      break;
    case 2:
      say("250 plain text\r\n");
      break;
    case 3:  // a record that is never whole
      say(std::string("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", 9));
      break;
    case 4:  // a handshake of random bytes
      say(absl::StrCat(std::string("\x16\x03\x03\x01\x2c", 5), noise));
      break;
    case 5:
      break;
    case 6:
      say(noise, Then::kClose);
      break;
    default:
      answer.endless = Repeat(noise, 100);
      break;
  }
  return answer;
}

}  // namespace rbld
