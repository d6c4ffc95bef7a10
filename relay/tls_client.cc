#include "relay/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <utility>

namespace rbld {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

}  // namespace

struct TlsClient::State {
  std::unique_ptr<SSL_CTX, FreeContext> context;
  std::unique_ptr<SSL, FreeSsl> ssl;  // owns its two buffers
  BIO* from_server = nullptr;
  BIO* to_server = nullptr;
  std::string plain;
};

TlsClient::TlsClient() : state_(std::make_unique<State>()) {
  state_->context.reset(SSL_CTX_new(TLS_client_method()));
  if (state_->context == nullptr) return;
  // Old servers are tested, too.
  SSL_CTX_set_min_proto_version(state_->context.get(), TLS1_VERSION);
  SSL_CTX_set_security_level(state_->context.get(), 0);
  SSL_CTX_set_verify(state_->context.get(), SSL_VERIFY_NONE, nullptr);
  state_->ssl.reset(SSL_new(state_->context.get()));
  if (state_->ssl == nullptr) return;
  state_->from_server = BIO_new(BIO_s_mem());
  state_->to_server = BIO_new(BIO_s_mem());
  SSL_set_bio(state_->ssl.get(), state_->from_server, state_->to_server);
  SSL_set_connect_state(state_->ssl.get());
  Advance();
}

TlsClient::~TlsClient() = default;

bool TlsClient::is_established() const {
  return state_->ssl != nullptr && SSL_is_init_finished(state_->ssl.get());
}

bool TlsClient::Advance() {
  if (state_->ssl == nullptr) return false;
  SSL* const ssl = state_->ssl.get();
  ERR_clear_error();
  if (!SSL_is_init_finished(ssl)) {
    const int done = SSL_do_handshake(ssl);
    if (done != 1) return SSL_get_error(ssl, done) == SSL_ERROR_WANT_READ;
  }
  std::array<char, 4096> buffer;
  while (true) {
    const int bytes =
        SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (bytes <= 0) return SSL_get_error(ssl, bytes) == SSL_ERROR_WANT_READ;
    state_->plain.append(buffer.data(), static_cast<size_t>(bytes));
  }
}

bool TlsClient::Receive(absl::string_view bytes) {
  if (state_->ssl == nullptr) return false;
  BIO_write(state_->from_server, bytes.data(), static_cast<int>(bytes.size()));
  return Advance();
}

bool TlsClient::Send(absl::string_view bytes) {
  if (bytes.empty()) return true;
  ERR_clear_error();
  return SSL_write(state_->ssl.get(), bytes.data(),
                   static_cast<int>(bytes.size())) > 0;
}

std::string TlsClient::TakeBytesToSend() {
  std::string bytes;
  if (state_->to_server == nullptr) return bytes;
  bytes.resize(BIO_ctrl_pending(state_->to_server));
  if (!bytes.empty()) {
    BIO_read(state_->to_server, &bytes[0], static_cast<int>(bytes.size()));
  }
  return bytes;
}

std::string TlsClient::TakePlainBytes() {
  return std::exchange(state_->plain, "");
}

}  // namespace rbld
