#include "control/http_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "control/socket_file.h"
#include "httplib.h"

namespace rbld {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

std::string Target(const ClientRequest& request) {
  std::string target = request.path;
  char separator = '?';
  for (const auto& [key, value] : request.query) {
    absl::StrAppend(&target, std::string(1, separator), PercentEncode(key), "=",
                    PercentEncode(value));
    separator = '&';
  }
  return target;
}

}  // namespace

class HttpClient::Connection : public httplib::ClientImpl {
 public:
  Connection(const std::string& socket_path, int timeout_seconds)
      : httplib::ClientImpl(socket_path, 80) {
    set_address_family(AF_UNIX);
    set_keep_alive(true);
    set_read_timeout(timeout_seconds);
    set_write_timeout(timeout_seconds);
    set_url_encode(false);
  }
};

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
        c == '.' || c == '_' || c == '~' || c == ':') {
      encoded += c;
    } else {
      absl::StrAppend(&encoded, "%",
                      absl::AsciiStrToUpper(absl::StrCat(absl::Hex(
                          static_cast<unsigned char>(c), absl::kZeroPad2))));
    }
  }
  return encoded;
}

HttpClient::HttpClient(std::string socket_path, int timeout_seconds)
    : socket_path_(std::move(socket_path)), timeout_seconds_(timeout_seconds) {}
HttpClient::~HttpClient() = default;

absl::StatusOr<ClientReply> HttpClient::Send(const ClientRequest& request) {
  if (connection_ == nullptr) {
    // httplib does not say why it could not connect.
    const absl::StatusOr<int> probe = ConnectToSocketFile(socket_path_);
    if (!probe.ok()) return probe.status();
    close(*probe);
    connection_ = std::make_unique<Connection>(socket_path_, timeout_seconds_);
  }
  httplib::Request http;
  http.method = request.method;
  http.path = Target(request);
  http.set_header("Host", "rbld");
  if (!request.accept.empty()) http.set_header("Accept", request.accept);
  if (!request.idempotency_key.empty()) {
    http.set_header("Idempotency-Key", request.idempotency_key);
  }
  absl::Status source_status;
  std::string piece;
  if (request.body_source != nullptr) {
    piece.resize(kPieceBytes);
    http.set_header("Transfer-Encoding", "chunked");
    http.is_chunked_content_provider_ = true;
    http.content_provider_ = [&](size_t, size_t, httplib::DataSink& sink) {
      const absl::StatusOr<size_t> got =
          request.body_source->Read(piece.data(), piece.size());
      if (!got.ok()) {
        source_status = got.status();
        return false;
      }
      if (*got == 0) {
        sink.done();
        return true;
      }
      return sink.write(piece.data(), *got);
    };
  } else if (request.method == "POST") {
    http.body = request.body;
    http.set_header("Content-Type", "application/json");
  }
  ClientReply reply;
  bool broke_off = false;
  http.response_handler = [&reply](const httplib::Response& response) {
    reply.status = response.status;
    reply.content_type = response.get_header_value("Content-Type");
    return true;
  };
  http.content_receiver = [&](const char* bytes, size_t size, uint64_t,
                              uint64_t) {
    if (reply.status == 200 && request.on_bytes) {
      broke_off = !request.on_bytes({bytes, size});
      return !broke_off;
    }
    reply.body.append(bytes, size);
    return true;
  };
  const httplib::Result result = connection_->send(http);
  if (result) return reply;
  // The next request starts afresh.
  connection_.reset();
  if (!source_status.ok()) return source_status;
  if (broke_off) return absl::CancelledError("the reply was broken off");
  if (result.error() == httplib::Error::Connection) {
    return absl::FailedPreconditionError(
        absl::StrCat(socket_path_, ": the server is gone; is rbld running?"));
  }
  return absl::UnavailableError(absl::StrCat(
      socket_path_, ": the connection broke (",
      httplib::to_string(result.error()),
      "), so it is not known whether the request was carried out; look with "
      "`rblctl show` or `rblctl audit`"));
}

}  // namespace rbld
