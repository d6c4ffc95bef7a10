// rbl-deliver: hands a test message that a mail server has received to rbld:
// the catcher for hosts whose port 25 is taken. See docs/RELAY_TESTING.md.
//
// The mail server runs it once for each recipient, with the message on standard
// input. The exit status is one that mail servers know (sysexits.h).

#include <gflags/gflags.h>
#include <sysexits.h>

#include <cstdio>
#include <iostream>
#include <limits>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/ip_prefix.h"
#include "control/http_client.h"
#include "control/json.h"
#include "control/problem.h"
#include "control/relay_codec.h"
#include "relay/catcher_session.h"
#include "relay/evidence_text.h"

DEFINE_string(control, "/run/rbld/relayd.sock",
              "the control socket of rbld with the role relayd");
DEFINE_string(client, "",
              "the address of the server that delivered the message, as the "
              "mail server saw it");

namespace rbld {
namespace {

constexpr int kRequestTimeoutSeconds = 60;
constexpr int kStatusOk = 200;

int Fail(int exit_code, absl::string_view message) {
  std::fprintf(stderr, "rbl-deliver: %s\n", std::string(message).c_str());
  return exit_code;
}

std::string ReadMessage(std::istream& in) {
  std::string text(kMaxKeptBytes, 0);
  in.read(&text[0], static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  // The rest is not kept, but read, so that the mail server is not cut off.
  in.ignore(std::numeric_limits<std::streamsize>::max());
  return absl::StrReplaceAll(text, {{"\r\n", "\r\n"}, {"\n", "\r\n"}});
}

int Deliver(const std::string& recipient) {
  const absl::StatusOr<IpPrefix> peer = ParseIpPrefix(FLAGS_client);
  if (!peer.ok() || !peer->IsSingleAddress()) {
    return Fail(EX_USAGE,
                absl::StrCat("--client: \"", FLAGS_client,
                             "\" is no address; Postfix gives "
                             "${client_address}, Exim $sender_host_address"));
  }
  Arrival arrival;
  arrival.token =
      absl::AsciiStrToLower(recipient.substr(0, recipient.rfind('@')));
  arrival.peer = *peer;
  arrival.message = EvidenceText(ReadMessage(std::cin));
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/relay/arrivals";
  request.body = JsonText(ArrivalRequestToJson(arrival));
  HttpClient client(FLAGS_control, kRequestTimeoutSeconds);
  const absl::StatusOr<ClientReply> reply = client.Send(request);
  if (!reply.ok()) return Fail(EX_TEMPFAIL, reply.status().message());
  if (reply->status != kStatusOk) {
    return Fail(
        EX_TEMPFAIL,
        StatusFromProblem(ParseProblem(reply->status, reply->body)).message());
  }
  const absl::StatusOr<Json> json = ParseJson(reply->body);
  const absl::StatusOr<ArrivalReply> told =
      json.ok() ? ArrivalReplyFromJson(*json) : json.status();
  if (!told.ok()) return Fail(EX_TEMPFAIL, told.status().message());
  // What is not for rbld is thrown away: to refuse it now would make the mail
  // server send a bounce to somebody who may never have written.
  if (told->state != TokenState::kValid) {
    Fail(EX_OK, absl::StrCat("thrown away, ", TokenStateName(told->state), ": ",
                             recipient));
  }
  return EX_OK;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  gflags::SetUsageMessage(
      "hands a test message that came back to rbld\n\n"
      "  rbl-deliver --client=ADDRESS RECIPIENT < message");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (argc != 2) {
    return rbld::Fail(EX_USAGE, "give one recipient; try --help");
  }
  return rbld::Deliver(argv[1]);
}
