// echo: the least that a UDP server can do. It takes datagrams by recvmmsg,
// turns the QR bit on and sends them back by sendmmsg. Its CPU time per query
// is the floor that a DNS server's is compared with.
//
//   echo PORT    binds 127.0.0.1:PORT and runs until a signal ends it
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

// As many as rbld takes in one call.
constexpr int kBatch = 64;
constexpr int kDatagramBytes = 1232;
constexpr int kSocketBufferBytes = 4 << 20;

struct Batch {
  mmsghdr messages[kBatch];
  iovec vectors[kBatch];
  sockaddr_storage peers[kBatch];
  uint8_t bytes[kBatch][kDatagramBytes];
};

void PrepareToReceive(Batch* batch) {
  for (int i = 0; i < kBatch; ++i) {
    batch->vectors[i] = {batch->bytes[i], kDatagramBytes};
    msghdr* header = &batch->messages[i].msg_hdr;
    header->msg_name = &batch->peers[i];
    header->msg_namelen = sizeof(batch->peers[i]);
    header->msg_iov = &batch->vectors[i];
    header->msg_iovlen = 1;
  }
}

int Serve(int fd) {
  static Batch batch;
  PrepareToReceive(&batch);
  while (true) {
    const int received =
        recvmmsg(fd, batch.messages, kBatch, MSG_WAITFORONE, nullptr);
    if (received < 0) {
      if (errno == EINTR) continue;
      std::perror("recvmmsg");
      return 1;
    }
    for (int i = 0; i < received; ++i) {
      batch.vectors[i].iov_len = batch.messages[i].msg_len;
      batch.bytes[i][2] |= 0x80;
    }
    for (int sent = 0; sent < received;) {
      const int now = sendmmsg(fd, batch.messages + sent, received - sent, 0);
      // A client that went away must not end the server.
      sent += now > 0 ? now : 1;
    }
    for (int i = 0; i < received; ++i) {
      batch.vectors[i].iov_len = kDatagramBytes;
      batch.messages[i].msg_hdr.msg_namelen = sizeof(batch.peers[i]);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || std::atoi(argv[1]) <= 0) {
    std::fprintf(stderr, "usage: echo PORT\n");
    return 2;
  }
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[1])));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes,
             sizeof(kSocketBufferBytes));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    std::perror("bind");
    return 1;
  }
  return Serve(fd);
}
