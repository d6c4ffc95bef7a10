#include "control/http_worker.h"

#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "control/body_pipe.h"
#include "control/problem.h"

namespace rbld {
namespace {

// Where Prepare leaves its finding for Route. No client's field of this name
// survives Prepare.
constexpr char kRefusalField[] = "Rbld-Refusal";
// httplib matches paths by regular expressions that recurse for each byte.
constexpr size_t kMaxPathBytes = 1024;
// Requests on one connection are not counted, but httplib wants a number.
constexpr size_t kKeepAliveCountTold = 1'000'000;
// What may be thrown away behind an error so that the client gets to read it.
constexpr uint64_t kMaxDrainBytes = uint64_t{1} << 30;

bool AllDigits(absl::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == absl::string_view::npos;
}

// What is wrong with how the request says where its body ends; "" if nothing.
// Guessing would let two parsers see two different requests (RFC 9112 §11.2).
std::string WhyBadFraming(const httplib::Request& request) {
  const size_t lengths = request.get_header_value_count("Content-Length");
  const size_t codings = request.get_header_value_count("Transfer-Encoding");
  if (lengths + codings > 1) {
    return "give one Content-Length, or Transfer-Encoding: chunked";
  }
  uint64_t length = 0;
  if (lengths == 1) {
    const std::string text = request.get_header_value("Content-Length");
    if (!AllDigits(text) || !absl::SimpleAtoi(text, &length)) {
      return "Content-Length must be a number";
    }
  }
  if (codings == 1 &&
      !absl::EqualsIgnoreCase(request.get_header_value("Transfer-Encoding"),
                              "chunked")) {
    return "chunked is the only Transfer-Encoding that is read";
  }
  if ((request.method == "GET" || request.method == "HEAD") &&
      (length > 0 || codings > 0)) {
    return absl::StrCat("a ", request.method, " has no body here");
  }
  return "";
}

}  // namespace

HttpWorker::HttpWorker(Api* api, Role role, const HttpServerOptions& options)
    : api_(api),
      role_(role),
      body_timeout_seconds_(options.body_timeout_seconds) {
  // Only what the Keep-Alive field tells clients; the listener keeps the time.
  set_keep_alive_timeout(options.keep_alive_seconds);
  set_keep_alive_max_count(kKeepAliveCountTold);
  // httplib stops writing chunks once its own listening socket is gone; this
  // worker has none, so any number but "none" does.
  svr_sock_ = 0;
  set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) {
        return Route(request, &response);
      });
  Post(R"([\s\S]*)",
       [this](const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader& reader) {
         ServePost(request, &response, reader);
       });
  set_error_handler([this](const httplib::Request&,
                           httplib::Response& response) {
    if (response.body.empty() && !response.content_provider_) {
      Refuse(response.status, response.status == 500 ? "internal" : "bad_http",
             response.status == 500
                 ? "an exception; please report it"
                 : "the request line, a header field or the body's framing "
                   "could not be read",
             &response);
    }
  });
}

bool HttpWorker::Serve(HttpConnection* connection) {
  connection_ = connection;
  must_close_ = false;
  bool closed = false;
  connection->SetDeadline(body_timeout_seconds_);
  const bool good =
      process_request(*connection, /*close_connection=*/false, closed,
                      [this](httplib::Request& request) { Prepare(&request); });
  connection_ = nullptr;
  return good && !closed && !must_close_;
}

void HttpWorker::Prepare(httplib::Request* request) const {
  request->headers.erase(kRefusalField);
  std::string refusal = WhyBadFraming(*request);
  if (request->path.size() > kMaxPathBytes) {
    refusal = absl::StrCat("the path is longer than ", kMaxPathBytes, " bytes");
  }
  const bool streams = Api::BodyOf(request->method, request->path).stream;
  if (request->method == "POST") {
    // RFC 9112 §6.3: a request that says nothing of a body has none. httplib
    // would wait for the connection's end.
    if (request->get_header_value_count("Content-Length") == 0 &&
        request->get_header_value_count("Transfer-Encoding") == 0) {
      request->set_header("Content-Length", "0");
    }
    if (request->has_header("Content-Encoding") && !streams) {
      refusal = "send JSON without a Content-Encoding";
    }
  }
  // A body is what its route wants, whatever its type says: curl -d calls
  // everything a form, and httplib would parse it as one. Feeds are unpacked
  // by what they begin with (zones/byte_source.h).
  request->headers.erase("Content-Type");
  request->headers.erase("Content-Encoding");
  if (!refusal.empty()) {
    // Without a body that nobody reads, and without "100 Continue".
    request->headers.erase("Expect");
    request->set_header(kRefusalField, refusal);
  }
}

httplib::Server::HandlerResponse HttpWorker::Route(
    const httplib::Request& request, httplib::Response* response) {
  if (request.has_header(kRefusalField)) {
    Refuse(400, "bad_http", request.get_header_value(kRefusalField), response);
    return HandlerResponse::Handled;
  }
  if (request.method == "POST") return HandlerResponse::Unhandled;
  if (request.method != "GET" && request.method != "HEAD") {
    Refuse(405, "method_not_allowed", "use GET or POST", response);
    response->set_header("Allow", "GET, HEAD, POST");
    return HandlerResponse::Handled;
  }
  Send(api_->Handle(MakeRequest(request)), response);
  return HandlerResponse::Handled;
}

void HttpWorker::ServePost(const httplib::Request& request,
                           httplib::Response* response,
                           const httplib::ContentReader& reader) {
  const Api::BodyPlan plan = Api::BodyOf(request.method, request.path);
  ApiRequest api_request = MakeRequest(request);
  if (plan.stream) {
    ServeStreamed(std::move(api_request), plan.limit_bytes, response, reader);
    return;
  }
  bool too_large = false;
  uint64_t surplus_bytes = 0;
  const bool whole = reader([&](const char* bytes, size_t size) {
    if (api_request.body.size() + size > plan.limit_bytes) too_large = true;
    if (!too_large) {
      api_request.body.append(bytes, size);
      return true;
    }
    surplus_bytes += size;
    return surplus_bytes < kMaxDrainBytes;
  });
  if (too_large) {
    return Refuse(413, "too_large",
                  absl::StrCat("a JSON body has at most ", plan.limit_bytes,
                               " bytes; send several requests"),
                  response);
  }
  if (!whole) {
    return Refuse(400, "bad_http",
                  "the body broke off, came too slowly or is badly framed; "
                  "nothing was changed",
                  response);
  }
  response->status = -1;
  Send(api_->Handle(std::move(api_request)), response);
}

// The Api pulls the body, httplib pushes it: the Api runs on a thread of its
// own meanwhile, and a BodyPipe lies between.
void HttpWorker::ServeStreamed(ApiRequest api_request, uint64_t limit_bytes,
                               httplib::Response* response,
                               const httplib::ContentReader& reader) {
  connection_->SetDeadline(0);
  BodyPipe pipe;
  api_request.body_stream = BodyPipe::Reader(&pipe);
  ApiResponse api_response;
  std::thread handler([&] {
    api_response = api_->Handle(std::move(api_request));
    // Handle may have left it unread; the writer must not wait for it.
    api_request.body_stream.reset();
  });
  uint64_t total_bytes = 0;
  uint64_t surplus_bytes = 0;
  bool too_large = false;
  const bool whole = reader([&](const char* bytes, size_t size) {
    total_bytes += size;
    if (total_bytes > limit_bytes) {
      too_large = true;
      return false;
    }
    if (surplus_bytes == 0 && pipe.Write({bytes, size})) return true;
    surplus_bytes += size;
    return surplus_bytes < kMaxDrainBytes;
  });
  pipe.CloseWriter(
      too_large ? absl::InvalidArgumentError(absl::StrCat(
                      "the body is longer than ", limit_bytes, " bytes"))
      : whole   ? absl::OkStatus()
                : absl::InvalidArgumentError(
                      "the body broke off, so nothing was imported; send it "
                        "again"));
  handler.join();
  if (!whole) must_close_ = true;
  response->status = -1;
  Send(std::move(api_response), response);
}

ApiRequest HttpWorker::MakeRequest(const httplib::Request& request) const {
  ApiRequest api_request;
  api_request.role = role_;
  api_request.method = request.method == "HEAD" ? "GET" : request.method;
  api_request.path = request.path;
  for (const auto& [key, value] : request.params) {
    // The last one wins silently nowhere: a key that stands twice is marked,
    // and the Api refuses the unknown key.
    if (!api_request.query.emplace(key, value).second) {
      api_request.query.emplace(absl::StrCat(key, " (twice)"), value);
    }
  }
  api_request.peer = request.remote_addr;
  api_request.accept = request.get_header_value("Accept");
  api_request.idempotency_key = request.get_header_value("Idempotency-Key");
  return api_request;
}

void HttpWorker::Send(ApiResponse api_response, httplib::Response* response) {
  response->status = api_response.status;
  for (const auto& [name, value] : api_response.headers) {
    response->set_header(name, value);
  }
  if (!api_response.stream) {
    connection_->SetDeadline(body_timeout_seconds_);
    response->set_content(api_response.body, api_response.content_type);
    return;
  }
  connection_->SetDeadline(0);
  response->set_chunked_content_provider(
      api_response.content_type, [stream = std::move(api_response.stream)](
                                     size_t, httplib::DataSink& sink) {
        bool client_there = true;
        stream([&](absl::string_view bytes) {
          if (client_there && !bytes.empty()) {
            client_there = sink.write(bytes.data(), bytes.size());
          }
          return client_there;
        });
        if (client_there) sink.done();
        return client_there;
      });
}

void HttpWorker::Refuse(int status, absl::string_view code,
                        absl::string_view detail, httplib::Response* response) {
  // What is left of the request on the wire cannot be told from the next one.
  must_close_ = true;
  connection_->SetDeadline(body_timeout_seconds_);
  response->status = status;
  response->set_content(ProblemJson(MakeProblem(status, code, detail)),
                        kProblemContentType);
}

}  // namespace rbld
