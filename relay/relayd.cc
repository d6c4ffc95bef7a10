#include "relay/relayd.h"

#include <signal.h>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/user.h"
#include "relay/open_files.h"

namespace rbld {
namespace {

constexpr uint64_t kSettingsRetryMilliseconds = 2000;
constexpr uint64_t kLongestDrainMilliseconds = 30'000;

}  // namespace

Relayd::Relayd(RelaydOptions options) : options_(std::move(options)) {
  uv_loop_init(&loop_);
  uv_timer_init(&loop_, &timer_);
  timer_.data = this;
  for (uv_signal_t* signal : {&terminate_, &interrupt_}) {
    uv_signal_init(&loop_, signal);
    signal->data = this;
  }
}

Relayd::~Relayd() {
  tester_.reset();
  catcher_.reset();
  control_.reset();
  for (uv_signal_t* signal : {&terminate_, &interrupt_}) {
    uv_close(reinterpret_cast<uv_handle_t*>(signal), nullptr);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

absl::Status Relayd::Run() {
  const auto on_signal = [](uv_signal_t* signal, int) {
    static_cast<Relayd*>(signal->data)->OnSignal();
  };
  uv_signal_start(&terminate_, on_signal, SIGTERM);
  uv_signal_start(&interrupt_, on_signal, SIGINT);
  signal(SIGPIPE, SIG_IGN);
  absl::Status status = TakePorts();
  if (!status.ok()) return status;
  control_ = std::make_unique<ControlLink>(&loop_, options_.control_socket);
  AskForSettings();
  uv_run(&loop_, UV_RUN_DEFAULT);
  return status_;
}

// As root, if that is what we are; whatever comes later is done as the user.
absl::Status Relayd::TakePorts() {
  std::optional<User> user;
  if (!options_.user.empty()) {
    absl::StatusOr<User> found = FindUser("--user", options_.user);
    if (!found.ok()) return found.status();
    user = *std::move(found);
  }
  for (const auto& [address, port] : options_.listen) {
    absl::StatusOr<BoundSocket> bound = BoundSocket::Bind(address, port);
    if (!bound.ok()) return bound.status();
    ports_.push_back(*std::move(bound));
  }
  open_files_ = RaiseOpenFileLimit();
  return user.has_value() ? BecomeUser("--user", *user) : absl::OkStatus();
}

void Relayd::AskForSettings() {
  control_->GetSettings([this](absl::StatusOr<TesterSettings> settings) {
    if (stopping_) return;
    if (settings.ok()) {
      Begin(*settings);
      return;
    }
    if (!std::exchange(complained_, true)) {
      LogWarning(absl::StrCat("waiting for rbld at ", options_.control_socket,
                              ": ", settings.status().message()));
    }
    uv_timer_start(
        &timer_,
        [](uv_timer_t* timer) {
          static_cast<Relayd*>(timer->data)->AskForSettings();
        },
        kSettingsRetryMilliseconds, 0);
  });
}

void Relayd::Begin(const TesterSettings& settings) {
  CatcherOptions catcher;
  catcher.session.host_name = options_.host_name;
  catcher.session.domain = settings.domain;
  catcher.session.idle_seconds = options_.idle_seconds;
  const FileShares shares =
      ShareFiles(open_files_, options_.tests ? options_.max_sessions : 0,
                 options_.listen.empty() ? 0 : catcher.max_connections);
  catcher.max_connections = shares.connections;
  if (!options_.listen.empty()) {
    catcher_ =
        std::make_unique<Catcher>(&loop_, control_.get(), std::move(catcher));
  }
  for (BoundSocket& bound : ports_) {
    LogInfo(absl::StrCat("receives mail for ", settings.domain, " on ",
                         bound.address().ToString(), " port ", bound.port()));
    status_ = catcher_->Listen(std::move(bound));
    if (!status_.ok()) return uv_stop(&loop_);
  }
  ports_.clear();
  if (!options_.tests) return;
  TesterOptions tester;
  tester.dialogue = options_.dialogue;
  tester.dialogue.domain = settings.domain;
  tester.dialogue.ehlo_name = options_.host_name;
  tester.dialogue.url = settings.url;
  tester.dialogue.contact = settings.contact;
  tester.guard.port = settings.port;
  tester.guard.never = settings.never;
  tester.guard.lab_networks = settings.lab_networks;
  tester.max_sessions = shares.sessions;
  tester.source_addresses = options_.source_addresses;
  tester.reverse_names = options_.reverse_names;
  tester_ = std::make_unique<Tester>(&loop_, control_.get(), std::move(tester));
  tester_->Start();
  if (shares.sessions < options_.max_sessions) {
    LogWarning(absl::StrCat(
        "the limit of ", open_files_, " open files is too low for ",
        options_.max_sessions, " test sessions at a time (LimitNOFILE)"));
  }
  LogInfo(absl::StrCat("makes up to ", shares.sessions,
                       " test sessions at a time"));
}

void Relayd::OnSignal() {
  if (std::exchange(stopping_, true) || tester_ == nullptr) return End();
  LogInfo("stopping: the sessions that run are ended first");
  uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) { static_cast<Relayd*>(timer->data)->End(); },
      kLongestDrainMilliseconds, 0);
  tester_->Drain([this] { End(); });
}

void Relayd::End() { uv_stop(&loop_); }

}  // namespace rbld
