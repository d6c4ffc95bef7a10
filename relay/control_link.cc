#include "relay/control_link.h"

#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "control/http_client.h"
#include "control/json.h"
#include "control/problem.h"
#include "control/relay_codec.h"

namespace rbld {
namespace {

constexpr size_t kMaxWaitingRequests = 10'000;
constexpr int kStatusOk = 200;
// rbld answers in milliseconds; a disk that hangs may take longer.
constexpr int kRequestTimeoutSeconds = 60;

absl::StatusOr<Json> ReadReply(const absl::StatusOr<ClientReply>& reply) {
  if (!reply.ok()) return reply.status();
  if (reply->status != kStatusOk) {
    return StatusFromProblem(ParseProblem(reply->status, reply->body));
  }
  return ParseJson(reply->body);
}

ClientRequest Post(absl::string_view path, const Json& body) {
  ClientRequest request;
  request.method = "POST";
  request.path = std::string(path);
  request.body = JsonText(body);
  return request;
}

// Of a reply that tells more, the token's state.
template <typename Reply>
std::function<void(absl::StatusOr<Reply>)> StateOf(
    ControlLink::Done<TokenState> done) {
  return [done = std::move(done)](absl::StatusOr<Reply> reply) {
    if (reply.ok()) {
      done(reply->state);
    } else {
      done(reply.status());
    }
  };
}

}  // namespace

// Brings answers to the loop's thread. Outlives the link for as long as a
// request runs.
class ControlLink::Answers {
 public:
  explicit Answers(uv_loop_t* loop) : async_(new uv_async_t) {
    uv_async_init(loop, async_, [](uv_async_t* async) {
      static_cast<Answers*>(async->data)->Deliver();
    });
    async_->data = this;
  }

  // The loop's thread.
  void Close() {
    {
      MutexLock lock(&mutex_);
      is_closed_ = true;
      waiting_.clear();
    }
    uv_close(reinterpret_cast<uv_handle_t*>(async_), [](uv_handle_t* handle) {
      delete reinterpret_cast<uv_async_t*>(handle);
    });
  }

  // Any thread.
  void Add(std::function<void()> answer) {
    MutexLock lock(&mutex_);
    if (is_closed_) return;
    waiting_.push_back(std::move(answer));
    uv_async_send(async_);
  }

 private:
  void Deliver() {
    std::vector<std::function<void()>> answers;
    {
      MutexLock lock(&mutex_);
      answers.swap(waiting_);
    }
    for (const std::function<void()>& answer : answers) answer();
  }

  uv_async_t* const async_;
  Mutex mutex_;
  bool is_closed_ RBLD_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> waiting_ RBLD_GUARDED_BY(mutex_);
};

// One thread that makes one request after the other.
class ControlLink::Lane {
 public:
  using Done = std::function<void(absl::StatusOr<Json>)>;

  Lane(const std::string& socket_path, std::shared_ptr<Answers> answers)
      : client_(socket_path, kRequestTimeoutSeconds),
        answers_(std::move(answers)),
        thread_([this] { Loop(); }) {}
  ~Lane() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
    }
    changed_.NotifyAll();
    thread_.join();
  }

  void Call(ClientRequest request, Done done) {
    {
      MutexLock lock(&mutex_);
      if (waiting_.size() < kMaxWaitingRequests) {
        waiting_.emplace_back(std::move(request), std::move(done));
        changed_.NotifyOne();
        return;
      }
    }
    answers_->Add([done = std::move(done)] {
      done(absl::ResourceExhaustedError("too many requests wait for rbld"));
    });
  }

  // The same, with the reply read by `read`.
  template <typename T>
  void Call(ClientRequest request, absl::StatusOr<T> (*read)(const Json&),
            std::function<void(absl::StatusOr<T>)> done) {
    Call(std::move(request),
         [read, done = std::move(done)](absl::StatusOr<Json> json) {
           if (json.ok()) {
             done(read(*json));
           } else {
             done(json.status());
           }
         });
  }

 private:
  void Loop() {
    while (true) {
      std::pair<ClientRequest, Done> next;
      {
        MutexLock lock(&mutex_);
        while (waiting_.empty() && !stopping_) changed_.Wait(&mutex_);
        if (stopping_) return;
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      answers_->Add(
          [done = std::move(next.second),
           json = ReadReply(client_.Send(next.first))] { done(json); });
    }
  }

  HttpClient client_;  // the thread's
  const std::shared_ptr<Answers> answers_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ RBLD_GUARDED_BY(mutex_) = false;
  std::deque<std::pair<ClientRequest, Done>> waiting_ RBLD_GUARDED_BY(mutex_);
  std::thread thread_;
};

ControlLink::ControlLink(uv_loop_t* loop, const std::string& socket_path)
    : answers_(std::make_shared<Answers>(loop)),
      tests_(std::make_unique<Lane>(socket_path, answers_)),
      mail_(std::make_unique<Lane>(socket_path, answers_)) {}

ControlLink::~ControlLink() { answers_->Close(); }

void ControlLink::GetSettings(Done<TesterSettings> done) {
  ClientRequest request;
  request.path = "/v1/relay/settings";
  tests_->Call(std::move(request), TesterSettingsFromJson, std::move(done));
}

void ControlLink::Lease(int limit, Done<std::vector<LeasedSession>> done) {
  tests_->Call(Post("/v1/relay/leases", LeaseRequestToJson(limit)),
               LeaseReplyFromJson, std::move(done));
}

void ControlLink::Finish(const std::vector<FinishedSession>& sessions,
                         Done<std::vector<bool>> done) {
  tests_->Call(Post("/v1/relay/results", ResultsRequestToJson(sessions)),
               ResultsReplyFromJson, std::move(done));
}

void ControlLink::FindProven(const std::vector<uint64_t>& tests,
                             Done<std::vector<uint64_t>> done) {
  tests_->Call(Post("/v1/relay/proven", ProvenRequestToJson(tests)),
               ProvenReplyFromJson, std::move(done));
}

void ControlLink::CheckToken(absl::string_view token, Done<TokenState> done) {
  mail_->Call(Post("/v1/relay/tokens", TokenRequestToJson(token)),
              TokenReplyFromJson, StateOf<TokenReply>(std::move(done)));
}

void ControlLink::Arrive(const Arrival& arrival, Done<TokenState> done) {
  mail_->Call(Post("/v1/relay/arrivals", ArrivalRequestToJson(arrival)),
              ArrivalReplyFromJson, StateOf<ArrivalReply>(std::move(done)));
}

}  // namespace rbld
