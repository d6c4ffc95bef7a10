// Sockets that the service manager opened (systemd.socket(5)) and passed by
// LISTEN_FDS, as sd_listen_fds(3) says.
//
// Called while a program starts, by one thread.
#ifndef RBLD_BASE_SERVICE_SOCKETS_H_
#define RBLD_BASE_SERVICE_SOCKETS_H_

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rbld {

// A UDP or listening TCP socket over IPv4 or IPv6.
struct ServiceSocket {
  int fd = -1;
  int family = AF_INET;
  bool is_udp = false;
  bool wildcard = false;
  bool also_ipv4 = false;  // of family AF_INET6
  uint16_t port = 0;
  std::string text;  // "127.0.0.1:5300", "[::1]:5300"
};

// The descriptors, close-on-exec from now on. The environment no longer names
// them afterwards. None were passed: empty.
std::vector<int> TakePassedSockets();

// The addresses of what TakePassedSockets would take and LookAtSocket knows,
// each once. Leaves all as it is for the program that this one becomes.
std::vector<std::string> PassedAddresses();

// Nothing when it is no such socket.
std::optional<ServiceSocket> LookAtSocket(int fd);

// ServiceSocket::text of a numeric address.
std::string SocketText(int family, const std::string& address, uint16_t port);

}  // namespace rbld

#endif  // RBLD_BASE_SERVICE_SOCKETS_H_
