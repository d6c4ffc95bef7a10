// Fuzzes any bytes as a query, over UDP and over TCP. The quick path must say
// what the general path says.
#include <cstring>
#include <memory>

#include "base/fuzz/fuzz_target.h"
#include "dns/query.h"
#include "server/answer.h"
#include "server/test_snapshot.h"

namespace rbld {
namespace {

std::shared_ptr<const Snapshot> MakeSnapshot() {
  ZoneConfig zone = TestZone("rbl.test");
  zone.has_names = true;
  zone.lists = {"list", "second"};
  zone.records = {TestRecord("www.rbl.test", "A 192.0.2.80"),
                  TestRecord("rbl.test", "TXT hello")};
  ZoneConfig retired = TestZone("old.rbl.test");
  retired.state = ZoneState::kRetired;
  ValueSet many;
  for (uint32_t i = 2; i < 60; ++i) {
    many.push_back({0x7f000000 + i, std::string(i * 9, '$'), i});
  }
  TestSnapshot builder;
  // These are quick, and the third is not.
  ZoneConfig quick = TestZone("quick.test");
  quick.lists = {"list"};
  ZoneConfig several = TestZone("sub.quick.test");
  several.lists = {"list", "second", "plain"};
  ZoneConfig octets = TestZone("10.sub.quick.test");
  builder.AddZone(zone).AddZone(retired);
  builder.AddZone(quick).AddZone(several).AddZone(octets);
  builder.Add("list", "10.0.0.0/8", {{0x7f000002, "see $", 0}})
      .Add("second", "10.1.0.0/16", many)
      .Add("list", "2001:db8::/32", {{0x7f000002, "six $", 0}})
      .Add("list", "11.0.0.0/8", {{0x7f000003, "", 5}})
      .Add("plain", "11.1.0.0/16", {{0x7f000002, "", 0}, {0x7f000003, "$", 3}})
      .Add("list", ".spam.test", {{0x7f000002, "name $", 0}});
  return builder.Build();
}

// The answer must be the general path's.
void CheckAgreement(const Snapshot& snapshot, const Request& request,
                    const uint8_t* reply, size_t bytes,
                    const Outcome& outcome) {
  const std::unique_ptr<uint8_t[]> general(new uint8_t[kTcpReplyBytes]);
  Outcome expected;
  FuzzCheck(AnswerGenerally(snapshot, request, general.get(), &expected) ==
            bytes);
  FuzzCheck(outcome == expected);
  FuzzCheck(memcmp(general.get(), reply, bytes) == 0);
}

}  // namespace

std::string FuzzOne(absl::string_view input) {
  const auto* const data = reinterpret_cast<const uint8_t*>(input.data());
  const size_t size = input.size();
  static const std::shared_ptr<const Snapshot>* const snapshot =
      new std::shared_ptr<const Snapshot>(MakeSnapshot());
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const size_t room =
        transport == Transport::kUdp ? kUdpReplyBytes : kTcpReplyBytes;
    const std::unique_ptr<uint8_t[]> out(new uint8_t[room]);
    Request request;
    request.message = data;
    request.message_bytes = size;
    request.transport = transport;
    Outcome outcome;
    const size_t bytes = Answer(**snapshot, request, out.get(), &outcome);
    CheckAgreement(**snapshot, request, out.get(), bytes, outcome);
    // Silence for responses and stumps, and for nothing else.
    const bool deserves_reply =
        size >= kHeaderBytes && (ReadU16(data + 2) & kFlagQr) == 0;
    FuzzCheck(deserves_reply == (bytes > 0));
    if (bytes == 0) continue;
    FuzzCheck(bytes >= kHeaderBytes && bytes <= room);
    FuzzCheck(ReadU16(out.get()) == ReadU16(data));
    FuzzCheck((ReadU16(out.get() + 2) & kFlagQr) != 0);
    // A reply is no query: answering it again must give nothing.
    Request again = request;
    again.message = out.get();
    again.message_bytes = bytes;
    const std::unique_ptr<uint8_t[]> none(new uint8_t[room]);
    FuzzCheck(Answer(**snapshot, again, none.get(), &outcome) == 0);
    // It can be walked to its last byte as a message.
    Query walked;
    out[2] &= 0x7f;  // as if it were a query
    const ParseResult result = ParseQuery(out.get(), bytes, &walked);
    const bool has_question = ReadU16(out.get() + 4) == 1;
    if (has_question && result != ParseResult::kNotImp) {
      FuzzCheck(result == ParseResult::kOk);
    }
  }
  return "";
}

}  // namespace rbld
