// What access lists say of a client.
//
// Pure functions of what is published: no allocation, no lock, any thread.
#ifndef RBLD_SERVER_ACCESS_H_
#define RBLD_SERVER_ACCESS_H_

#include <sys/socket.h>

#include <vector>

#include "store/value.h"
#include "zones/rbldnsd/file_dataset.h"

namespace rbld {

struct AccessDecision {
  AccessAction action = AccessAction::kPass;
  const ValueSet* values = nullptr;  // of kListed
};

// Of several lists, the strongest action is taken, and of equal ones that of
// the first list. `client` may be null: then it is passed.
AccessDecision DecideAccess(const std::vector<const FileDataset*>& lists,
                            const sockaddr* client);

// The client's address as text, at most kMaxAddressTextBytes. Returns the
// bytes written.
int WriteClientText(const sockaddr* client, char* out);

}  // namespace rbld

#endif  // RBLD_SERVER_ACCESS_H_
