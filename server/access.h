// What access lists say of a client's address.
//
// DecideAccess and WriteClientText are pure functions of what is published: no
// allocation, no lock, any thread.
#ifndef RBLD_SERVER_ACCESS_H_
#define RBLD_SERVER_ACCESS_H_

#include <sys/socket.h>

#include <memory>
#include <vector>

#include "store/value.h"
#include "zones/config.h"
#include "zones/rbldnsd/file_dataset.h"

namespace rbld {

struct AccessDecision {
  AccessAction action = AccessAction::kPass;
  const ServedValues* values = nullptr;  // of kListed
};

// Of several lists, the strongest action is taken, and of equal ones that of
// the first list. `client` may be null: then it is passed.
AccessDecision DecideAccess(const std::vector<const FileDataset*>& lists,
                            const sockaddr* client);

// The rules of a zone's configuration as such a list; null if there are none.
std::shared_ptr<const FileDataset> MakeAccessList(
    const std::vector<AccessConfig>& rules);

// The client's address as text, at most kMaxAddressTextBytes. Returns the
// bytes written.
int WriteClientText(const sockaddr* client, char* out);

}  // namespace rbld

#endif  // RBLD_SERVER_ACCESS_H_
