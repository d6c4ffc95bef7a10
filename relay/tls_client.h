// TlsClient: the client's side of TLS over bytes, without sockets, for STARTTLS
// (RFC 3207). Certificates are not verified: what is tested is whether a server
// relays, not who it is.
//
// Used by one thread.
#ifndef RBLD_RELAY_TLS_CLIENT_H_
#define RBLD_RELAY_TLS_CLIENT_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace rbld {

class TlsClient {
 public:
  TlsClient();
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Bytes from the server. False: TLS has failed, or the server has ended it.
  bool Receive(absl::string_view bytes);
  // Plain bytes to the server. Precondition: is_established().
  bool Send(absl::string_view bytes);
  bool is_established() const;

  std::string TakeBytesToSend();  // to the server, encrypted
  std::string TakePlainBytes();   // from the server

 private:
  struct State;
  // Goes on with the handshake, or reads what there is.
  bool Advance();

  const std::unique_ptr<State> state_;
};

}  // namespace rbld

#endif  // RBLD_RELAY_TLS_CLIENT_H_
