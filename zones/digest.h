// Sha256: the digest of dumps and configurations.
#ifndef RBLD_ZONES_DIGEST_H_
#define RBLD_ZONES_DIGEST_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace rbld {

// Used by one thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::string_view bytes);
  // 64 lower-case hex digits; ends the digest.
  std::string FinishHex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(absl::string_view bytes);

}  // namespace rbld

#endif  // RBLD_ZONES_DIGEST_H_
