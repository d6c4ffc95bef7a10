#include "tools/transport.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "control/api.h"
#include "control/offline_control.h"
#include "control/peer.h"
#include "store/publisher.h"
#include "zones/config.h"

namespace rbld {
namespace {

class SocketTransportImpl : public ApiTransport {
 public:
  explicit SocketTransportImpl(const std::string& path) : client_(path) {}
  absl::StatusOr<ClientReply> Send(const ClientRequest& request) override {
    return client_.Send(request);
  }

 private:
  HttpClient client_;
};

// The inverse of PercentEncode.
std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// Hands a borrowed source to the Api, which wants to own one.
class BorrowedSource : public ByteSource {
 public:
  explicit BorrowedSource(ByteSource* source) : source_(*source) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    return source_.Read(buffer, size);
  }

 private:
  ByteSource& source_;
};

class StoreTransportImpl : public ApiTransport {
 public:
  StoreTransportImpl(std::unique_ptr<SystemClock> clock, Config config,
                     std::unique_ptr<Publisher> publisher)
      : clock_(std::move(clock)),
        publisher_(std::move(publisher)),
        control_(std::move(config), publisher_.get(), clock_.get()),
        api_(publisher_.get(), &control_, clock_.get()) {}

  absl::StatusOr<ClientReply> Send(const ClientRequest& request) override {
    ApiRequest api_request;
    api_request.role = Role::kOperator;
    api_request.method = request.method;
    api_request.path = PercentDecode(request.path);
    api_request.query.insert(request.query.begin(), request.query.end());
    api_request.body = request.body;
    if (request.body_source != nullptr) {
      api_request.body_stream =
          std::make_unique<BorrowedSource>(request.body_source);
    }
    api_request.peer = absl::StrCat(UserText(getuid()), " offline");
    api_request.accept = request.accept;
    api_request.idempotency_key = request.idempotency_key;
    ApiResponse response = api_.Handle(std::move(api_request));
    ClientReply reply;
    reply.status = response.status;
    reply.content_type = response.content_type;
    bool broke_off = false;
    const auto take = [&](absl::string_view bytes) {
      if (response.status == 200 && request.on_bytes) {
        broke_off = broke_off || !request.on_bytes(bytes);
        return !broke_off;
      }
      reply.body.append(bytes.data(), bytes.size());
      return true;
    };
    if (response.stream) {
      response.stream(take);
    } else {
      take(response.body);
    }
    if (broke_off) return absl::CancelledError("the reply was broken off");
    return reply;
  }

 private:
  const std::unique_ptr<SystemClock> clock_;
  const std::unique_ptr<Publisher> publisher_;
  OfflineControl control_;
  Api api_;
};

ListConfig DefaultList(const std::string& name) {
  ListConfig list;
  list.name = name;
  Value value;
  value.reason = "listed in " + name;
  list.default_values = {value};
  return list;
}

// Without a configuration the store itself says which lists there are.
absl::Status TakeListsOfStore(const StoreTransportOptions& options,
                              Publisher* publisher, Config* config) {
  std::vector<std::string> names = publisher->Stats().stored_lists;
  names.insert(names.end(), options.lists.begin(), options.lists.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    config->lists.push_back(DefaultList(name));
  }
  return publisher->Reconfigure(ListSpecs(*config), {});
}

}  // namespace

std::unique_ptr<ApiTransport> SocketTransport(const std::string& socket_path) {
  return std::make_unique<SocketTransportImpl>(socket_path);
}

absl::StatusOr<std::unique_ptr<ApiTransport>> StoreTransport(
    const StoreTransportOptions& options) {
  Config config;
  if (!options.config_path.empty()) {
    absl::StatusOr<Config> loaded = LoadConfig(options.config_path);
    if (!loaded.ok()) return loaded.status();
    config = *std::move(loaded);
  }
  config.store_directory = options.directory;
  struct stat info;
  if (!options.create_if_missing &&
      stat(options.directory.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat(
        options.directory, ": there is no store; an add or import makes one"));
  }
  auto clock = std::make_unique<SystemClock>();
  PublisherOptions publisher_options;
  publisher_options.directory = options.directory;
  publisher_options.clock = clock.get();
  publisher_options.create_if_missing = options.create_if_missing;
  publisher_options.journal_max_changes = config.journal_max_changes;
  publisher_options.journal_max_age_seconds = config.journal_max_age_seconds;
  absl::StatusOr<std::unique_ptr<Publisher>> publisher = Publisher::Open(
      std::move(publisher_options), ListSpecs(config), ZoneSpecs(config));
  if (!publisher.ok()) return publisher.status();
  absl::Status status =
      options.config_path.empty()
          ? TakeListsOfStore(options, publisher->get(), &config)
          : (*publisher)->relay_cases().Configure(RelaySettingsOf(config));
  if (!status.ok()) return status;
  return std::unique_ptr<ApiTransport>(std::make_unique<StoreTransportImpl>(
      std::move(clock), std::move(config), *std::move(publisher)));
}

}  // namespace rbld
