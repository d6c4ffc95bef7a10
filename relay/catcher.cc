#include "relay/catcher.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "relay/connection.h"
#include "relay/evidence_text.h"

namespace rbld {
namespace {

constexpr int kBacklog = 512;

template <typename Handle>
void CloseAndDelete(Handle* handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) {
    delete reinterpret_cast<Handle*>(closed);
  });
}

}  // namespace

IpPrefix CountedAs(const IpPrefix& peer) {
  constexpr int kIpv6HostBits = 64;
  return peer.family == Family::kIpv4
             ? peer
             : IpPrefix::Make(peer.family, peer.bytes, kIpv6HostBits);
}

class Catcher::Client : public Connection::Owner {
 public:
  explicit Client(Catcher* catcher)
      : catcher_(*catcher),
        session_(catcher->options_.session),
        started_ms_(uv_now(catcher->loop_)),
        connection_(catcher->loop_, this) {}
  ~Client() override { *alive_ = false; }

  bool Accept(uv_stream_t* server) {
    if (!connection_.Accept(server)) return false;
    peer_ = connection_.Peer();
    return true;
  }
  const IpPrefix& peer() const { return peer_; }

  void Start() { Act(); }
  // Before anything is said.
  void TurnAway() {
    connection_.Send("421 too many connections; try again later\r\n");
    connection_.CloseWhenSent();
  }

  void OnBytes(absl::string_view bytes) override {
    session_.OnBytes(bytes);
    Act();
  }
  void OnClosed(absl::string_view /*why*/) override { catcher_.OnEnded(this); }
  void OnTimer() override {
    const uint64_t age_ms = uv_now(catcher_.loop_) - started_ms_;
    if (age_ms >= catcher_.options_.session.session_seconds * uint64_t{1000}) {
      session_.OnTimeUp();
    } else {
      session_.OnIdle();
    }
    Act();
  }

 private:
  void Act() {
    connection_.Send(session_.TakeBytesToSend());
    if (session_.is_finished()) {
      connection_.CloseWhenSent();
      return;
    }
    const CatcherSettings& settings = catcher_.options_.session;
    const uint64_t age_ms = uv_now(catcher_.loop_) - started_ms_;
    const uint64_t most_ms = settings.session_seconds * uint64_t{1000};
    connection_.SetTimer(std::min(settings.idle_seconds * uint64_t{1000},
                                  most_ms - std::min(age_ms, most_ms)));
    if (std::optional<std::string> token = session_.TakeTokenToCheck()) {
      catcher_.control_->CheckToken(
          *token, [this, alive = alive_](absl::StatusOr<TokenState> state) {
            if (!*alive) return;
            session_.OnTokenChecked(Answer(state));
            Act();
          });
    }
    if (std::optional<CatcherSession::Message> message =
            session_.TakeMessage()) {
      Arrival arrival;
      arrival.token = std::move(message->token);
      arrival.peer = peer_;
      arrival.message = EvidenceText(message->text);
      catcher_.control_->Arrive(
          arrival, [this, alive = alive_](absl::StatusOr<TokenState> state) {
            if (!*alive) return;
            session_.OnMessageStored(Answer(state));
            Act();
          });
    }
  }

  CatcherSession::TokenAnswer Answer(const absl::StatusOr<TokenState>& state) {
    if (state.ok()) return *state;
    LogError(absl::StrCat("the catcher asks ", peer_.ToString(),
                          " to come again: ", state.status().message()));
    return std::nullopt;
  }

  Catcher& catcher_;
  CatcherSession session_;
  const uint64_t started_ms_;
  IpPrefix peer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Connection connection_;
};

Catcher::Catcher(uv_loop_t* loop, ControlLink* control, CatcherOptions options)
    : loop_(loop),
      control_(control),
      options_(std::move(options)),
      sweep_(new uv_timer_t) {
  uv_timer_init(loop_, sweep_);
  sweep_->data = this;
}

Catcher::~Catcher() {
  for (uv_tcp_t* server : servers_) CloseAndDelete(server);
  CloseAndDelete(sweep_);
}

absl::Status Catcher::Listen(BoundSocket socket) {
  uv_tcp_t* const server = new uv_tcp_t;
  uv_tcp_init(loop_, server);
  server->data = this;
  const int fd = socket.Release();
  int error = uv_tcp_open(server, fd);
  if (error != 0) close(fd);
  if (error == 0) {
    error =
        uv_listen(reinterpret_cast<uv_stream_t*>(server), kBacklog,
                  [](uv_stream_t* stream, int status) {
                    if (status != 0) return;
                    static_cast<Catcher*>(stream->data)->OnConnection(stream);
                  });
  }
  if (error != 0) {
    CloseAndDelete(server);
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", socket.address().ToString(), " port ",
                     socket.port(), ": ", uv_strerror(error),
                     "; another mail server may be there"));
  }
  servers_.push_back(server);
  return absl::OkStatus();
}

void Catcher::OnConnection(uv_stream_t* server) {
  auto client = std::make_unique<Client>(this);
  if (!client->Accept(server)) return;
  Client* const started = client.get();
  const int of_peer = ++clients_of_[CountedAs(started->peer())];
  clients_[started] = std::move(client);
  if (of_peer > options_.max_connections_per_address ||
      static_cast<int>(clients_.size()) > options_.max_connections) {
    started->TurnAway();
  } else {
    started->Start();
  }
}

void Catcher::OnEnded(Client* client) {
  const auto count = clients_of_.find(CountedAs(client->peer()));
  if (count != clients_of_.end() && --count->second == 0) {
    clients_of_.erase(count);
  }
  const auto at = clients_.find(client);
  if (at == clients_.end()) return;
  ended_.push_back(std::move(at->second));
  clients_.erase(at);
  // At once, though nothing else may happen for long.
  uv_timer_start(
      sweep_,
      [](uv_timer_t* sweep) {
        static_cast<Catcher*>(sweep->data)->ended_.clear();
      },
      0, 0);
}

}  // namespace rbld
