#include "base/service_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace rbld {
namespace {

int Option(int fd, int level, int option) {
  int value = -1;
  socklen_t bytes = sizeof(value);
  return getsockopt(fd, level, option, &value, &bytes) == 0 ? value : -1;
}

}  // namespace

std::vector<int> TakePassedSockets() {
  const int count = sd_listen_fds(/*unset_environment=*/1);
  if (count < 0) {
    LogWarning(absl::StrCat("LISTEN_FDS cannot be used: ", strerror(-count)));
  }
  std::vector<int> sockets;
  for (int i = 0; i < count; ++i) sockets.push_back(SD_LISTEN_FDS_START + i);
  return sockets;
}

std::vector<std::string> PassedAddresses() {
  std::vector<std::string> texts;
  const int count = sd_listen_fds(/*unset_environment=*/0);
  for (int i = 0; i < count; ++i) {
    const int fd = SD_LISTEN_FDS_START + i;
    // sd_listen_fds made it close-on-exec.
    fcntl(fd, F_SETFD, 0);
    const std::optional<ServiceSocket> passed = LookAtSocket(fd);
    if (passed.has_value() &&
        std::find(texts.begin(), texts.end(), passed->text) == texts.end()) {
      texts.push_back(passed->text);
    }
  }
  return texts;
}

std::optional<ServiceSocket> LookAtSocket(int fd) {
  ServiceSocket passed;
  passed.fd = fd;
  union {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
    sockaddr_storage most;
  } name = {};
  socklen_t bytes = sizeof(name);
  if (getsockname(fd, &name.any, &bytes) != 0) return std::nullopt;
  passed.family = name.any.sa_family;
  const int type = Option(fd, SOL_SOCKET, SO_TYPE);
  passed.is_udp = type == SOCK_DGRAM;
  if (!passed.is_udp &&
      (type != SOCK_STREAM || Option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)) {
    return std::nullopt;
  }
  char address[INET6_ADDRSTRLEN];
  if (passed.family == AF_INET) {
    inet_ntop(AF_INET, &name.ipv4.sin_addr, address, sizeof(address));
    passed.wildcard = name.ipv4.sin_addr.s_addr == INADDR_ANY;
    passed.port = ntohs(name.ipv4.sin_port);
  } else if (passed.family == AF_INET6) {
    inet_ntop(AF_INET6, &name.ipv6.sin6_addr, address, sizeof(address));
    passed.wildcard = IN6_IS_ADDR_UNSPECIFIED(&name.ipv6.sin6_addr) != 0;
    passed.also_ipv4 =
        passed.wildcard && Option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
    passed.port = ntohs(name.ipv6.sin6_port);
  } else {
    return std::nullopt;
  }
  passed.text = SocketText(passed.family, address, passed.port);
  return passed;
}

std::string SocketText(int family, const std::string& address, uint16_t port) {
  return family == AF_INET ? absl::StrCat(address, ":", port)
                           : absl::StrCat("[", address, "]:", port);
}

}  // namespace rbld
