// What the zones of a snapshot answer about a target
// (control/target_answers.h): each is asked as a client would ask it, by
// server/answer itself.
#ifndef RBLD_SERVER_TARGET_ANSWERS_H_
#define RBLD_SERVER_TARGET_ANSWERS_H_

#include <cstdint>
#include <vector>

#include "control/target_answers.h"
#include "server/snapshot.h"
#include "store/target.h"

namespace rbld {

// A client without an address asks, whom no rule for clients stops. In a zone
// with keys it has one that passes, if there is one and `with_key`, and nobody
// counts that; without, it sees what everybody may see. Pure function.
std::vector<TargetAnswer> AnswersAbout(const Snapshot& snapshot,
                                       const Target& target,
                                       int64_t now_seconds, bool with_key);

}  // namespace rbld

#endif  // RBLD_SERVER_TARGET_ANSWERS_H_
