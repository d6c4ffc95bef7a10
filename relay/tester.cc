#include "relay/tester.h"

#include <netdb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "relay/connection.h"
#include "relay/tls_client.h"

namespace rbld {
namespace {

constexpr uint64_t kTickMilliseconds = 250;
// One request's worth. Each is a synced batch of rbld's, whatever its size, so
// that between two ticks none is asked for less than a part of all sessions.
constexpr int kMaxLease = 500;
constexpr int kLeaseParts = 8;
constexpr size_t kMaxResultsPerRequest = 200;
// Twice as many in JSON if each character is escaped; rbld takes 16 MiB.
constexpr size_t kMaxTranscriptBytesPerRequest = size_t{4} << 20;
// While rbld takes no results, no more sessions are made.
constexpr size_t kMaxUntoldResults = 5000;
// When there was nothing to lease, or rbld is away.
constexpr int64_t kIdleLeaseMilliseconds = 1000;
constexpr int64_t kRetryMilliseconds = 2000;
constexpr int kReverseNameSeconds = 5;

std::string DateNow() {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", absl::Now(),
                          absl::UTCTimeZone());
}

}  // namespace

// One session: a dialogue on a connection.
class Tester::Session : public Connection::Owner {
 public:
  Session(Tester* tester, LeasedSession leased)
      : tester_(*tester),
        leased_(std::move(leased)),
        connection_(tester->loop_, this) {}

  void Start() {
    if (!tester_.options_.reverse_names) return Connect("");
    // A lookup that hangs is not waited for.
    connection_.SetTimer(kReverseNameSeconds * 1000);
    lookup_ = new Lookup{{}, this};
    const sockaddr_storage address =
        SocketAddress(leased_.target.address, leased_.target.port);
    lookup_->request.data = lookup_;
    const int error = uv_getnameinfo(
        tester_.loop_, &lookup_->request,
        [](uv_getnameinfo_t* request, int status, const char* host,
           const char*) {
          const std::unique_ptr<Lookup> lookup(
              static_cast<Lookup*>(request->data));
          if (lookup->session == nullptr) return;
          lookup->session->lookup_ = nullptr;
          lookup->session->Connect(status == 0 ? host : "");
        },
        reinterpret_cast<const sockaddr*>(&address), NI_NAMEREQD);
    if (error == 0) return;
    delete std::exchange(lookup_, nullptr);
    Connect("");
  }

  ~Session() override { AbandonLookup(); }

  uint64_t test() const { return leased_.test; }
  bool awaits_proof() const {
    return dialogue_.has_value() && dialogue_->awaits_proof();
  }
  void OnProven() {
    dialogue_->OnProven(Now());
    Act();
  }

  void OnConnected() override {
    // Whom we asked for is whom we got; anything else is left at once.
    const IpPrefix peer = connection_.Peer();
    if (peer != leased_.target.address) {
      // Nobody knows it of a connection that has been reset already.
      dialogue_->OnConnectFailed(Now(), peer == IpPrefix::FromIpv4(0)
                                            ? "reset by the other side"
                                            : "another address answers");
    } else {
      tester_address_ = connection_.Local().ToString();
      dialogue_->OnConnected(Now());
    }
    Act();
  }
  void OnConnectFailed(absl::string_view why) override {
    dialogue_->OnConnectFailed(Now(), why);
    Act();
  }
  void OnBytes(absl::string_view bytes) override {
    if (tls_ == nullptr) {
      dialogue_->OnBytes(Now(), bytes);
      return Act();
    }
    const bool was_established = tls_->is_established();
    const bool is_fine = tls_->Receive(bytes);
    connection_.Send(tls_->TakeBytesToSend());
    if (!was_established && tls_->is_established()) {
      dialogue_->OnTlsStarted(Now());
    }
    const std::string plain = tls_->TakePlainBytes();
    if (!plain.empty()) dialogue_->OnBytes(Now(), plain);
    if (!is_fine) dialogue_->OnClosed(Now(), "TLS failed");
    Act();
  }
  void OnClosed(absl::string_view why) override {
    dialogue_->OnClosed(Now(), why);
    Act();
  }
  void OnTimer() override {
    if (!dialogue_.has_value()) return Connect("");
    dialogue_->OnTimer(Now());
    Act();
  }

 private:
  // Outlives the session where it must.
  struct Lookup {
    uv_getnameinfo_t request;
    Session* session;
  };

  void AbandonLookup() {
    if (lookup_ == nullptr) return;
    lookup_->session = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->request));
    lookup_ = nullptr;
  }

  int64_t Now() const { return static_cast<int64_t>(uv_now(tester_.loop_)); }

  void Connect(absl::string_view reverse_name) {
    AbandonLookup();
    if (dialogue_.has_value()) return;
    DialogueWork work;
    work.address = leased_.target.address.ToString();
    work.is_ipv6 = leased_.target.address.family == Family::kIpv6;
    work.reverse_name = std::string(reverse_name);
    work.max_messages = leased_.max_messages;
    work.date = DateNow();
    for (const LeasedSession::Probe& probe : leased_.probes) {
      work.probes.push_back({probe.form, probe.token, probe.sender_token});
    }
    dialogue_.emplace(tester_.options_.dialogue, std::move(work), Now());
    const absl::Status allowed = tester_.options_.guard.Check(
        leased_.target.address, leased_.target.port);
    if (!allowed.ok()) {
      LogError(allowed.message());
      dialogue_->OnConnectFailed(Now(), allowed.message());
      return Act();
    }
    const sockaddr_storage peer =
        SocketAddress(leased_.target.address, leased_.target.port);
    std::optional<sockaddr_storage> local;
    for (const IpPrefix& source : tester_.options_.source_addresses) {
      if (source.family == leased_.target.address.family) {
        local = SocketAddress(source, 0);
      }
    }
    Act();
    connection_.Connect(reinterpret_cast<const sockaddr*>(&peer),
                        local.has_value()
                            ? reinterpret_cast<const sockaddr*>(&*local)
                            : nullptr);
  }

  // Does what the dialogue wishes.
  void Act() {
    if (told_) return;
    if (dialogue_->TakeStartTls()) {
      tls_ = std::make_unique<TlsClient>();
      connection_.Send(tls_->TakeBytesToSend());
    }
    const std::string bytes = dialogue_->TakeBytesToSend();
    if (!bytes.empty()) {
      if (tls_ == nullptr) {
        connection_.Send(bytes);
      } else if (tls_->Send(bytes)) {
        connection_.Send(tls_->TakeBytesToSend());
      }
    }
    if (!dialogue_->is_finished()) {
      const int64_t wait = dialogue_->timer_at_ms() - Now();
      connection_.SetTimer(static_cast<uint64_t>(std::max<int64_t>(wait, 0)));
      return;
    }
    told_ = true;
    FinishedSession result;
    result.target = leased_.target;
    result.report.test = leased_.test;
    result.report.session = leased_.session;
    result.report.end = dialogue_->end();
    result.report.outcomes = dialogue_->outcomes();
    result.transcript = dialogue_->transcript();
    result.tester = tester_address_;
    tester_.OnFinished(this, std::move(result));
  }

  Tester& tester_;
  const LeasedSession leased_;
  std::optional<Dialogue> dialogue_;
  std::unique_ptr<TlsClient> tls_;
  std::string tester_address_;
  Lookup* lookup_ = nullptr;
  bool told_ = false;
  Connection connection_;
};

Tester::Tester(uv_loop_t* loop, ControlLink* control, TesterOptions options)
    : loop_(loop),
      control_(control),
      options_(std::move(options)),
      tick_(new uv_timer_t) {
  uv_timer_init(loop_, tick_);
  tick_->data = this;
}

Tester::~Tester() {
  *alive_ = false;
  uv_close(reinterpret_cast<uv_handle_t*>(tick_), [](uv_handle_t* handle) {
    delete reinterpret_cast<uv_timer_t*>(handle);
  });
}

void Tester::Start() { StartTicking(); }

void Tester::StartTicking() {
  uv_timer_start(
      tick_,
      [](uv_timer_t* tick) { static_cast<Tester*>(tick->data)->OnTick(); }, 0,
      kTickMilliseconds);
}

void Tester::Drain(std::function<void()> done) {
  drained_ = std::move(done);
  EndIfDrained();
}

void Tester::EndIfDrained() {
  if (drained_ == nullptr || !sessions_.empty() || !results_.empty() ||
      sending_ || leasing_) {
    return;
  }
  std::exchange(drained_, nullptr)();
}

void Tester::OnTick() {
  SendResults();
  AskForProofs();
  LeaseMore(1);
}

void Tester::LeaseMore(int at_least) {
  const int room = options_.max_sessions - static_cast<int>(sessions_.size());
  const int64_t now_ms = static_cast<int64_t>(uv_now(loop_));
  if (leasing_ || room < at_least || drained_ != nullptr ||
      results_.size() >= kMaxUntoldResults || now_ms < lease_after_ms_) {
    return;
  }
  leasing_ = true;
  const int limit = std::min(room, kMaxLease);
  control_->Lease(
      limit, [this, alive = alive_,
              limit](absl::StatusOr<std::vector<LeasedSession>> leased) {
        if (!*alive) return;
        const int64_t now_ms = static_cast<int64_t>(uv_now(loop_));
        if (!leased.ok()) {
          leasing_ = false;
          lease_after_ms_ = now_ms + kRetryMilliseconds;
          if (!std::exchange(complained_, true)) {
            LogError(
                absl::StrCat("no work from rbld: ", leased.status().message()));
          }
          EndIfDrained();
          return;
        }
        if (std::exchange(complained_, false)) LogInfo("rbld gives work again");
        lease_after_ms_ = static_cast<int>(leased->size()) < limit
                              ? now_ms + kIdleLeaseMilliseconds
                              : 0;
        for (LeasedSession& session : *leased) Begin(std::move(session));
        // Only now: one that ends at once must not lease for those after it.
        leasing_ = false;
        EndIfDrained();
        LeaseMore(GoodLease());
      });
}

int Tester::GoodLease() const {
  return std::clamp(options_.max_sessions / kLeaseParts, 1, kMaxLease);
}

void Tester::Begin(LeasedSession leased) {
  const uint64_t test = leased.test;
  auto session = std::make_unique<Session>(this, std::move(leased));
  Session* const started = session.get();
  std::unique_ptr<Session>& place = sessions_[test];
  if (place != nullptr) ended_.push_back(std::move(place));
  place = std::move(session);
  started->Start();
}

void Tester::OnFinished(Session* session, FinishedSession result) {
  results_.push_back(std::move(result));
  const auto at = sessions_.find(session->test());
  if (at != sessions_.end() && at->second.get() == session) {
    // It is still running on the stack.
    ended_.push_back(std::move(at->second));
    sessions_.erase(at);
  }
  // Not before its connection is closed: its neighbour may be next.
  if (results_.size() >= kMaxResultsPerRequest && !sending_) StartTicking();
  LeaseMore(GoodLease());
}

void Tester::SendResults() {
  ended_.clear();
  if (sending_ || results_.empty()) return;
  sending_ = true;
  const size_t most =
      one_by_one_ > 0 ? 1 : std::min(results_.size(), kMaxResultsPerRequest);
  size_t count = 1;
  for (size_t bytes = results_[0].transcript.size(); count < most; ++count) {
    bytes += results_[count].transcript.size();
    if (bytes > kMaxTranscriptBytesPerRequest) break;
  }
  std::vector<FinishedSession> batch(results_.begin(),
                                     results_.begin() + count);
  control_->Finish(
      std::move(batch),
      [this, alive = alive_, count](absl::StatusOr<std::vector<bool>> applied) {
        if (!*alive) return;
        sending_ = false;
        const bool is_refused = absl::IsInvalidArgument(applied.status());
        if (!applied.ok()) {
          LogError(absl::StrCat("rbld takes no results: ",
                                applied.status().message()));
        }
        if (is_refused && count > 1) {
          // One that rbld cannot read must not take the others with it.
          one_by_one_ = count;
        } else if (applied.ok() || is_refused) {
          // Kept until rbld has them; to tell them twice does no harm.
          results_.erase(results_.begin(), results_.begin() + count);
          if (one_by_one_ > 0) --one_by_one_;
        }
        EndIfDrained();
        const size_t enough = one_by_one_ > 0 ? 1 : kMaxResultsPerRequest;
        if ((applied.ok() || is_refused) && results_.size() >= enough) {
          SendResults();
        }
      });
}

void Tester::AskForProofs() {
  if (asking_) return;
  std::vector<uint64_t> tests;
  for (const auto& [test, session] : sessions_) {
    if (session->awaits_proof()) tests.push_back(test);
    if (tests.size() == kMaxResultsPerRequest) break;
  }
  if (tests.empty()) return;
  asking_ = true;
  control_->FindProven(
      tests,
      [this, alive = alive_](absl::StatusOr<std::vector<uint64_t>> proven) {
        if (!*alive) return;
        asking_ = false;
        if (!proven.ok()) return;
        for (const uint64_t test : *proven) {
          const auto at = sessions_.find(test);
          if (at != sessions_.end() && at->second->awaits_proof()) {
            at->second->OnProven();
          }
        }
      });
}

}  // namespace rbld
