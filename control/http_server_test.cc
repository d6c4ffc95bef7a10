// The HTTP server and client over real Unix sockets, with the real Api, store
// and publisher behind them.
#include "control/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "control/api_test_util.h"
#include "control/http_client.h"
#include "control/json.h"
#include "control/socket_file.h"

namespace rbld {
namespace {

using std::chrono::steady_clock;

HttpServerOptions ShortTimeouts() {
  HttpServerOptions options;
  options.threads_per_socket = 3;
  options.head_timeout_seconds = 1;
  options.idle_timeout_seconds = 1;
  options.body_timeout_seconds = 2;
  options.keep_alive_seconds = 2;
  options.max_connections_per_socket = 64;
  return options;
}

class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override { StartServer(ShortTimeouts()); }

  void StartServer(const HttpServerOptions& options) {
    server_.reset();
    operator_ = world_.directory() + "/op";
    public_ = world_.directory() + "/pub";
    absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Bind(
        {{.path = operator_, .role = Role::kOperator},
         {.path = public_, .role = Role::kPublic, .mode = 0666},
         {.path = "", .role = Role::kRelayd}},
        options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Start(world_.api());
  }

  int Connect() {
    const absl::StatusOr<int> fd = ConnectToSocketFile(operator_);
    EXPECT_TRUE(fd.ok()) << fd.status();
    return fd.ok() ? *fd : -1;
  }
  static void SendAll(int fd, absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // Everything until the server closes, for at most ten seconds.
  static std::string ReadToEnd(int fd) {
    timeval timeout = {10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    std::string all;
    char buffer[4096];
    for (;;) {
      const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      if (got < 0) return all + "<the server kept the connection open>";
      if (got == 0) return all;
      all.append(buffer, static_cast<size_t>(got));
    }
  }
  // One raw exchange; the request should make the server close.
  std::string Exchange(absl::string_view request) {
    const int fd = Connect();
    SendAll(fd, request);
    std::string reply = ReadToEnd(fd);
    close(fd);
    return reply;
  }
  bool StillServes() {
    HttpClient client(operator_);
    ClientRequest request;
    request.path = "/v1/lists";
    const absl::StatusOr<ClientReply> reply = client.Send(request);
    return reply.ok() && reply->status == 200;
  }
  static std::string AddRequest(const std::string& target) {
    const std::string body = absl::StrCat(
        R"({"changes":[{"verb":"add","target":")", target, "\"}]}");
    return absl::StrCat("POST /v1/changes HTTP/1.1\r\nHost: x\r\n",
                        "Content-Length: ", body.size(), "\r\n\r\n", body);
  }

  ApiForTests world_;
  std::string operator_;
  std::string public_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ServesManyRequestsOnOneConnection) {
  HttpClient client(operator_);
  for (int i = 0; i < 200; ++i) {
    ClientRequest request;
    request.method = "POST";
    request.path = "/v1/changes";
    request.body = absl::StrCat(
        R"({"changes":[{"verb":"add","target":"192.0.2.)", i, "\"}]}");
    const absl::StatusOr<ClientReply> reply = client.Send(request);
    ASSERT_TRUE(reply.ok()) << reply.status();
    ASSERT_EQ(reply->status, 200) << reply->body;
    EXPECT_EQ(reply->content_type, "application/json");
  }
  ClientRequest show;
  show.path = "/v1/targets/" + PercentEncode("192.0.2.199");
  EXPECT_NE(client.Send(show)->body.find("\"listed\":true"), std::string::npos);
}

TEST_F(HttpServerTest, TheSocketDecidesTheRole) {
  HttpClient client(public_);
  ClientRequest request;
  request.path = "/v1/audit";
  EXPECT_EQ(client.Send(request)->status, 403);
  request.path = "/v1/targets/192.0.2.1";
  EXPECT_EQ(client.Send(request)->status, 200);
}

TEST_F(HttpServerTest, RecordsThePeersUser) {
  HttpClient client(operator_);
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/changes";
  request.body = R"({"changes":[{"verb":"add","target":"192.0.2.1"}]})";
  ASSERT_EQ(client.Send(request)->status, 200);
  ClientRequest audit;
  audit.path = "/v1/audit";
  EXPECT_NE(
      client.Send(audit)->body.find(absl::StrCat("\"actor\":\"uid:", getuid())),
      std::string::npos);
}

TEST_F(HttpServerTest, DecodesQueriesAndRefusesDoubledOnes) {
  HttpClient client(operator_);
  ClientRequest request;
  request.path = "/v1/listings";
  request.query = {{"within", "2001:db8::/32"}, {"text", "a&b=c%+ä"}};
  EXPECT_EQ(client.Send(request)->status, 200);
  request.query = {{"limit", "1"}, {"limit", "2"}};
  EXPECT_EQ(client.Send(request)->status, 400);
}

TEST_F(HttpServerTest, ImportsABodyOfAnyLengthWithoutHoldingIt) {
  // 60 MB of comments would show in the process's memory if they were kept.
  class Endless : public ByteSource {
   public:
    absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
      if (sent_ >= 60'000'000) {
        if (done_) return 0;
        done_ = true;
        memcpy(buffer, "\n192.0.2.9\n", 11);
        return 11;
      }
      memset(buffer, '#', size);
      if (size > 0) buffer[size - 1] = '\n';
      sent_ += size;
      return size;
    }

   private:
    size_t sent_ = 0;
    bool done_ = false;
  };
  Endless body;
  HttpClient client(operator_);
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/imports";
  request.query = {{"source", "feed"}};
  request.body_source = &body;
  request.accept = "application/x-ndjson";
  std::string lines;
  request.on_bytes = [&](absl::string_view bytes) {
    lines.append(bytes.data(), bytes.size());
    return true;
  };
  const absl::StatusOr<ClientReply> reply = client.Send(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->status, 200) << reply->body;
  EXPECT_NE(lines.find("\"added\":1"), std::string::npos) << lines;
}

TEST_F(HttpServerTest, AnImportThatBreaksOffChangesNothing) {
  const int fd = Connect();
  SendAll(fd,
          "POST /v1/imports?source=feed HTTP/1.1\r\nHost: x\r\n"
          "Transfer-Encoding: chunked\r\n\r\n"
          "a\r\n192.0.2.1\n\r\n");
  shutdown(fd, SHUT_WR);
  const std::string reply = ReadToEnd(fd);
  close(fd);
  EXPECT_EQ(reply.rfind("HTTP/1.1 400", 0), 0u) << reply;
  EXPECT_EQ(world_.publisher()->Stats().sequence, 0u);
}

TEST_F(HttpServerTest, AnImportThatIsRefusedEarlyStillGetsItsAnswer) {
  const std::string feed(8 << 20, '#');
  HttpClient client(operator_);
  const std::unique_ptr<ByteSource> source = StringSource(feed);
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/imports";
  request.query = {{"source", "feed"}, {"list", "none"}};
  request.body_source = source.get();
  const absl::StatusOr<ClientReply> reply = client.Send(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->status, 404);
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLarge) {
  HttpClient client(operator_);
  ClientRequest request;
  request.method = "POST";
  request.path = "/v1/changes";
  request.body = std::string(kMaxJsonBodyBytes + 1, ' ');
  const absl::StatusOr<ClientReply> reply = client.Send(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->status, 413);
  EXPECT_NE(reply->body.find("\"code\":\"too_large\""), std::string::npos);
  EXPECT_TRUE(StillServes());
}

TEST_F(HttpServerTest, RefusesAHeadThatIsTooLarge) {
  const std::string line = Exchange("GET /" + std::string(200'000, 'a'));
  EXPECT_EQ(line.rfind("HTTP/1.1 431", 0), 0u) << line.substr(0, 200);
  std::string fields = "GET /v1/lists HTTP/1.1\r\n";
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&fields, "X: y\r\n");
  EXPECT_EQ(Exchange(fields).rfind("HTTP/1.1 431", 0), 0u);
  EXPECT_EQ(Exchange("GET /" + std::string(5000, 'a') +
                     " HTTP/1.1\r\nHost: x\r\n\r\n")
                .rfind("HTTP/1.1 400", 0),
            0u);
  EXPECT_TRUE(StillServes());
}

TEST_F(HttpServerTest, RefusesFramingThatCouldBeReadInTwoWays) {
  const std::string start = "POST /v1/changes HTTP/1.1\r\nHost: x\r\n";
  for (const char* framing :
       {"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Content-Length: -1\r\n\r\n", "Content-Length: 0x5\r\n\r\n",
        "Content-Length: 99999999999999999999999\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\n",
        "Transfer-Encoding: chunked, chunked\r\n\r\n"}) {
    const std::string reply =
        Exchange(start + framing + AddRequest("192.0.2.1"));
    EXPECT_EQ(reply.rfind("HTTP/1.1 400", 0), 0u) << framing << reply;
    EXPECT_EQ(reply.find("200 OK"), std::string::npos) << framing;
  }
  const std::string get =
      Exchange("GET /v1/lists HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(get.rfind("HTTP/1.1 400", 0), 0u) << get;
  EXPECT_EQ(world_.publisher()->Stats().sequence, 0u);
}

TEST_F(HttpServerTest, AnswersGarbageWithAnErrorOrNothing) {
  for (const std::string& garbage :
       {std::string("\r\n\r\n"), std::string("\0\0\0\0\n\n", 6),
        std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string("BREW /pot HTTP/1.1\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"),
        std::string("GET /%zz%00%ff HTTP/1.1\r\nConnection: close\r\n\r\n"),
        std::string("POST /v1/changes HTTP/1.1\r\nTransfer-Encoding: "
                    "chunked\r\n\r\nzz\r\n"),
        std::string("POST /v1/changes HTTP/1.1\r\nTransfer-Encoding: "
                    "chunked\r\n\r\nffffffffffffffff\r\nx\r\n")}) {
    const std::string reply = Exchange(garbage);
    EXPECT_EQ(reply.find(" 200 "), std::string::npos) << garbage << reply;
    EXPECT_EQ(reply.find("kept the connection"), std::string::npos) << garbage;
  }
  EXPECT_TRUE(StillServes());
}

TEST_F(HttpServerTest, IgnoresRangeHoweverLong) {
  std::string ranges = "bytes=0-0";
  while (ranges.size() < 8000) ranges += ",1-1";
  const std::string reply = Exchange(
      "GET /v1/lists HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Range: " +
      ranges + "\r\n\r\n");
  EXPECT_EQ(reply.rfind("HTTP/1.1 200", 0), 0u) << reply.substr(0, 100);
}

TEST_F(HttpServerTest, ReadsBodiesWhateverTheirTypeSays) {
  const std::string body =
      R"({"changes":[{"verb":"add","target":"192.0.2.1"}]})";
  for (const char* type : {"application/x-www-form-urlencoded",
                           "multipart/form-data; boundary=x", "text/plain"}) {
    const std::string reply = Exchange(absl::StrCat(
        "POST /v1/changes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
        "Content-Type: ", type, "\r\nContent-Length: ", body.size(), "\r\n\r\n",
        body));
    EXPECT_EQ(reply.rfind("HTTP/1.1 200", 0), 0u) << type << "\n" << reply;
  }
}

TEST_F(HttpServerTest, APostWithoutLengthHasNoBody) {
  const auto start = steady_clock::now();
  const std::string reply =
      Exchange("POST /v1/reload HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(reply.rfind("HTTP/1.1 409", 0), 0u) << reply;
  EXPECT_LT(steady_clock::now() - start, std::chrono::milliseconds(900));
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  const int fd = Connect();
  SendAll(fd, AddRequest("192.0.2.1") + AddRequest("192.0.2.2") +
                  "GET /v1/targets/192.0.2.2 HTTP/1.1\r\nConnection: "
                  "close\r\n\r\n");
  const std::string reply = ReadToEnd(fd);
  close(fd);
  const size_t first = reply.find("192.0.2.1");
  const size_t second = reply.find("192.0.2.2");
  const size_t third = reply.find("\"listed\":true");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos) << reply;
}

TEST_F(HttpServerTest, AHeadMayComeByteByByteInTime) {
  const int fd = Connect();
  for (const char c :
       std::string("GET /v1/lists HTTP/1.1\r\nConnection: close\r\n\r\n")) {
    SendAll(fd, {&c, 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(ReadToEnd(fd).rfind("HTTP/1.1 200", 0), 0u);
  close(fd);
}

TEST_F(HttpServerTest, CutsOffAHeadThatDoesNotCome) {
  const auto start = steady_clock::now();
  const std::string reply = Exchange("GET /v1/lists HTTP/1.1\r\nX-Slow: ");
  EXPECT_EQ(reply.rfind("HTTP/1.1 408", 0), 0u) << reply;
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(HttpServerTest, CutsOffABodyThatDripsForever) {
  const int fd = Connect();
  SendAll(fd, "POST /v1/changes HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
  std::atomic<bool> stop{false};
  std::thread dripper([&] {
    while (!stop) {
      SendAll(fd, " ");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  const auto start = steady_clock::now();
  const std::string reply = ReadToEnd(fd);
  stop = true;
  dripper.join();
  close(fd);
  EXPECT_EQ(reply.find(" 200 "), std::string::npos);
  EXPECT_EQ(reply.find("kept the connection"), std::string::npos);
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(8));
  EXPECT_TRUE(StillServes());
}

TEST_F(HttpServerTest, IdleAndSlowClientsHoldNoThread) {
  std::vector<int> idle;
  for (int i = 0; i < 20; ++i) {
    idle.push_back(Connect());
    if (i % 2 == 0) SendAll(idle.back(), "GET /v1/li");
  }
  // Kept-alive ones too.
  std::vector<std::unique_ptr<HttpClient>> kept;
  for (int i = 0; i < 20; ++i) {
    kept.push_back(std::make_unique<HttpClient>(operator_));
    ClientRequest request;
    request.path = "/v1/lists";
    const auto start = steady_clock::now();
    ASSERT_EQ(kept.back()->Send(request)->status, 200);
    EXPECT_LT(steady_clock::now() - start, std::chrono::milliseconds(900));
  }
  for (const int fd : idle) close(fd);
}

TEST_F(HttpServerTest, AClientThatLeavesDoesNotUndoItsChange) {
  for (int i = 0; i < 20; ++i) {
    const int fd = Connect();
    SendAll(fd, AddRequest(absl::StrCat("192.0.2.", i)));
    close(fd);
  }
  // Each is committed or was never read; none is half there and the server
  // lives.
  for (int tries = 0; tries < 100; ++tries) {
    if (world_.publisher()->Stats().sequence == 20) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(world_.publisher()->Stats().sequence, 20u);
  EXPECT_TRUE(StillServes());
}

TEST_F(HttpServerTest, AClientThatNeverReadsIsGivenUp) {
  std::string changes;
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&changes, i == 0 ? "" : ",",
                    R"({"verb":"add","target":"20.0.)", i / 256, ".", i % 256,
                    "\",\"note\":\"", std::string(4000, 'n'), "\"}");
  }
  HttpClient client(operator_);
  ClientRequest add;
  add.method = "POST";
  add.path = "/v1/changes";
  add.body = "{\"changes\":[" + changes + "]}";
  ASSERT_EQ(client.Send(add)->status, 200);
  std::vector<int> silent;
  for (int i = 0; i < 3; ++i) {
    silent.push_back(Connect());
    SendAll(silent.back(), "GET /v1/listings?limit=10000 HTTP/1.1\r\n\r\n");
  }
  // All threads are busy with them; after the idle timeout they are free.
  const auto start = steady_clock::now();
  EXPECT_TRUE(StillServes());
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(8));
  for (const int fd : silent) close(fd);
}

TEST_F(HttpServerTest, TellsWhenTooManyRequestsWait) {
  HttpServerOptions options = ShortTimeouts();
  options.threads_per_socket = 1;
  options.max_waiting_requests = 2;
  options.body_timeout_seconds = 5;
  options.idle_timeout_seconds = 5;
  StartServer(options);
  // Takes the only thread.
  const int busy = Connect();
  SendAll(busy, "POST /v1/changes HTTP/1.1\r\nContent-Length: 10\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  std::vector<int> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.push_back(Connect());
    SendAll(waiting.back(), "GET /v1/lists HTTP/1.1\r\n\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const std::string reply = Exchange("GET /v1/lists HTTP/1.1\r\n\r\n");
  EXPECT_EQ(reply.rfind("HTTP/1.1 503", 0), 0u) << reply;
  EXPECT_NE(reply.find("\"code\":\"busy\""), std::string::npos);
  close(busy);
  for (const int fd : waiting) close(fd);
}

TEST_F(HttpServerTest, StopDoesNotWaitForIdleClients) {
  const int idle = Connect();
  const int reading = Connect();
  SendAll(reading, "POST /v1/changes HTTP/1.1\r\nContent-Length: 10\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto start = steady_clock::now();
  server_->Stop();
  EXPECT_LT(steady_clock::now() - start, std::chrono::milliseconds(900));
  server_->Stop();
  close(idle);
  close(reading);
}

TEST_F(HttpServerTest, ManyClientsAtOnceAreAllServed) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      HttpClient client(operator_);
      for (int i = 0; i < 25; ++i) {
        ClientRequest request;
        request.method = "POST";
        request.path = "/v1/changes";
        request.body = absl::StrCat(
            R"({"changes":[{"verb":"add","target":"20.)", t, ".0.", i, "\"}]}");
        const absl::StatusOr<ClientReply> reply = client.Send(request);
        if (reply.ok() && reply->status == 200) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good.load(), 16 * 25);
}

TEST_F(HttpServerTest, ASecondServerOnThePathIsRefused) {
  const auto second = HttpServer::Bind({{.path = operator_}});
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  EXPECT_TRUE(StillServes());
}

TEST_F(HttpServerTest, TheClientTellsNoServerFromABrokenConnection) {
  HttpClient nobody(world_.directory() + "/none");
  EXPECT_TRUE(absl::IsNotFound(nobody.Send({}).status()));
  // A server that reads the request and dies.
  const std::string path = world_.directory() + "/dying";
  absl::StatusOr<SocketFile> file = SocketFile::Listen({.path = path});
  ASSERT_TRUE(file.ok());
  std::thread dying([fd = file->fd()] {
    // The first connection only asks whether somebody is there.
    for (int i = 0; i < 2;) {
      const int client = accept(fd, nullptr, nullptr);
      if (client < 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        continue;
      }
      char buffer[1024];
      if (++i == 2) (void)!recv(client, buffer, sizeof buffer, 0);
      close(client);
    }
  });
  HttpClient client(path);
  ClientRequest request;
  request.path = "/v1/lists";
  EXPECT_TRUE(absl::IsUnavailable(client.Send(request).status()));
  dying.join();
}

}  // namespace
}  // namespace rbld
