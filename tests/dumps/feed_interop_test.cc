// What rbldnsd makes of its data files and what rbld makes of them as feeds.
#include <string>
#include <utility>
#include <vector>

#include "tests/dumps/interop_test_base.h"
#include "zones/byte_source.h"
#include "zones/feed_reader.h"
#include "zones/rfc1035_text.h"

namespace rbld {
namespace {

// Feeds in rbldnsd's own formats: rbldnsd loads the file, rbld imports it, and
// both answer the same.
struct FeedCase {
  FeedFormat format;
  const char* kind;
  const char* text;
};

class FeedInterop : public InteropTest,
                    public testing::WithParamInterface<FeedCase> {};

constexpr char kFeedHead[] =
    "$SOA 3600 ns.example.org hostmaster.z.test 0 1h 1h 1h 1m\n"
    "$NS 1d ns.example.org\n$TTL 300\n";

constexpr char kIpv4Feed[] = R"(# comment
1.2.3.4
:3:default $
1.2.3.5
1.2.3.6 :4
1.2.3.7 :5:
1.2.3.8 own text; # stays
1.2.3.9 :6: spaced text  
1.2.3.10:7:direct
1.2.3.11 # comment
1.2.3.12 :8:# text
  1.2.3.13 leading blanks
1.2.3.14 =equals
1.2.3.15 ==equals
1.2.3.16 $$ $ $7 $$$
1.2.4.0/24 net
1.2.5 abbreviated
1.3 abbreviated
20/8 eight
1.2.4.0/25 :9:half
1.2.4.7 :10:one
!1.2.4.8
!1.2.4.64/28
!20.30.40.0/24
20.30.40.50 :11:inside an exclusion
20.30.40.128/25 :12:half inside
20.31.0.0/16 :13:sixteen
20.31.5.0/24 :14:twentyfour
bad line
1.2.3.256
1.2.6.1/24 host bits
1.2.7.1 :x:bad value
21
1.2.8.1 :16 # comment
:15
1.2.8.5
:16:
1.2.8.6
1.2.8.7 text
)";

constexpr char kVariablesFeed[] = R"($1 variable one $ raw
#$2 two
:$3 three
1.2.8.1 $1 and $2$3 and $4
:2:default $1
1.2.8.2
)";

constexpr char kBaseFeed[] = R"($1 variable one
$= base $= of $, $1
1.2.8.2 entry $ $$
1.2.8.3
1.2.8.4 =no base $1 $
1.2.8.5 :4:
1.2.8.6 :5
:6:default $
1.2.8.7
1.2.8.8 :7:
)";

constexpr char kIp4SetFeed[] = R"(:2:set $
10.1.0.0/16
10.1.2.0/24 :3:
10.1.2.3 :4:
10.1.2.3 :5:
10.1.3.0/25 :6:expands
10.1.3.7 :7:ties
!10.1.4.0/25
10.1.4.7 :8:in it
!10.1.4.7
10.1.5.0-10.1.6.127 :9:range
10.1.7.1-9 :10:suffix
10.2-10.3 :11:two sixteens
10.4-5 :12:suffix
10.9.8.0/23 :13:two
!10.9.9
10.9.9.77 :14:back again
)";

constexpr char kIp4TsetFeed[] = R"(:5:tset $
1.2.3.4 own
!1.2.3.5
1.2.3.6/32
1.2.3
1.2.3.8 :9:x
:6:other
1.2.3.9
)";

constexpr char kIp6TrieFeed[] = R"(:2:trie $
2a01:21ab:c000/36 a
2a01:21ab:def7:4242 :3:b
2a05:6001:42::/52 c
!2a05:6001:42::bead
2a07:: e
2a08:1:2:: f
2a01:21ab:c000/36 second
2a09:1::1:2/112 host bits
2a0a:0:0:0:0:0:0:5 i
2a0b
2a0c/16
2a0d:1
)";

constexpr char kIp6TsetFeed[] = R"(:5:tset $
2a01:20fe:23:41ed
!2a01:20fe:23:41ed::2
2a01:20fe:24:41ed::/64
2a01:20fe:25::
2a01:20fe:26:1 :9:own
!2a01:20fe:26:1
2a01:20fe:27:1:1
)";

constexpr char kDnsetFeed[] = R"(:2:name
x.example $ one
x.example :3:two
*.y.example
.z.example :4:
!ok.z.example
!*.no.z.example
.no.z.example no
UP.example up
a.y.example :5:exact
.deep.y.example :6:deeper
!.gone.deep.y.example
tld only
)";

TEST_P(FeedInterop, RbldnsdAndRbldReadTheSameFile) {
  Open(GetParam().kind);
  const std::string text = absl::StrCat(kFeedHead, GetParam().text);
  const std::string folder = folder_ + "/dump";
  ASSERT_TRUE(MakeDirectories(folder).ok());
  ASSERT_TRUE(WriteFileAtomically(folder + "/feed", text).ok());

  FeedOptions feed_options;
  feed_options.format = GetParam().format;
  feed_options.default_values = {{0x7f000002, "", 0}};
  Import import(ListSpecs(config_)[0].policy);
  const auto source = StringSource(text);
  ASSERT_TRUE(ReadFeed(source.get(), feed_options, &import).ok());
  ImportOptions import_options;
  import_options.list = "a";
  import_options.source = "feed";
  import_options.precedence = PrecedenceOf(GetParam().format);
  import_options.force = true;
  const auto summary =
      publisher_->RunImport(std::move(import), import_options, nullptr);
  ASSERT_TRUE(summary.ok()) << summary.status();
  TakeSnapshot();

  AskRuns(20);
  ZoneStream stream(config_.zones[0], *pin_);
  ASSERT_TRUE(stream
                  .Names([&](const ZoneName& node) {
                    const std::string name = SubjectOfName(node.reversed_wire);
                    for (const char* below : {"", "q.", "q.r.", "ok."}) {
                      Ask(absl::StrCat(below, name));
                    }
                    return absl::OkStatus();
                  })
                  .ok());
  // The addresses of the lines that are rejected, too.
  for (uint32_t c = 1; c < 9; ++c) {
    for (uint32_t d = 0; d < 32; ++d) Ask(absl::StrCat(d, ".", c, ".2.1"));
  }
  const std::string dataset =
      absl::StrCat("z.test:", FeedFormatName(GetParam().format), ":feed");
  const auto peer = Peer::StartRbldnsd(folder, {dataset});
  ASSERT_TRUE(peer.ok()) << peer.status();
  std::vector<Exception> exceptions = RbldnsdExceptions();
  exceptions.push_back(
      {"rbld's test entries",
       [](const std::string& name, bool, const Reply&, const Reply&) {
         return name == "2.0.0.127" || name == "test" ||
                absl::StartsWith(name, "2.0.0.0.0.0.f.7.f.f.f.f.0");
       }});
  EXPECT_EQ(Compare(peer->get(), &exceptions), 0) << log_;
  EXPECT_GE(listed_, 3);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, FeedInterop,
    testing::Values(FeedCase{FeedFormat::kIp4Set, "\"ipv4\"", kIpv4Feed},
                    FeedCase{FeedFormat::kIp4Set, "\"ipv4\"", kIp4SetFeed},
                    FeedCase{FeedFormat::kIp4Trie, "\"ipv4\"", kIpv4Feed},
                    FeedCase{FeedFormat::kIp4Trie, "\"ipv4\"", kVariablesFeed},
                    FeedCase{FeedFormat::kIp4Set, "\"ipv4\"", kBaseFeed},
                    FeedCase{FeedFormat::kIp4Tset, "\"ipv4\"", kIp4TsetFeed},
                    FeedCase{FeedFormat::kIp6Trie, "\"ipv6\"", kIp6TrieFeed},
                    FeedCase{FeedFormat::kIp6Tset, "\"ipv6\"", kIp6TsetFeed},
                    FeedCase{FeedFormat::kDnset, "\"names\"", kDnsetFeed}));

}  // namespace
}  // namespace rbld
