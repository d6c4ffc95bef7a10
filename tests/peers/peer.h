// Peer: another name server, started for a test on a free port of 127.0.0.1
// and ended with the object.
//
// Used by one thread.
#ifndef RBLD_TESTS_PEERS_PEER_H_
#define RBLD_TESTS_PEERS_PEER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace rbld {

// On rbldnsd's command line.
enum class OptionsPlace { kFirst, kBehindZones };

class Peer {
 public:
  // rbldnsd with datasets such as "zone:ip4trie:file" in `directory`.
  static absl::StatusOr<std::unique_ptr<Peer>> StartRbldnsd(
      const std::string& directory, const std::vector<std::string>& datasets,
      const std::vector<std::string>& options = {},
      OptionsPlace place = OptionsPlace::kFirst);
  // NSD with a zone file of `directory`.
  static absl::StatusOr<std::unique_ptr<Peer>> StartNsd(
      const std::string& directory, const std::string& zone,
      const std::string& zone_file);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Sends one query by UDP; the reply's bytes. Tries again when none comes.
  absl::StatusOr<std::string> Ask(const std::string& query);
  // The replies to many, in their order; an empty one where none came, which
  // is so of what a server drops. The server must answer in the order in which
  // it is asked, also for zones that it does not have.
  absl::StatusOr<std::vector<std::string>> AskAll(
      const std::vector<std::string>& queries);
  const std::string& log_path() const { return log_path_; }

 private:
  Peer(uint16_t port, std::string log_path);
  absl::Status Start(const std::vector<std::string>& arguments,
                     const std::string& zone);

  const uint16_t port_;
  const std::string log_path_;
  pid_t pid_ = -1;
  int socket_ = -1;
};

}  // namespace rbld

#endif  // RBLD_TESTS_PEERS_PEER_H_
