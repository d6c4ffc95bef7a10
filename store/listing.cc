#include "store/listing.h"

namespace rbld {

const char* ChangeKindName(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kAdd:
      return "add";
    case ChangeKind::kChange:
      return "change";
    case ChangeKind::kRemove:
      return "remove";
    case ChangeKind::kExempt:
      return "exempt";
    case ChangeKind::kUnexempt:
      return "unexempt";
    case ChangeKind::kExpire:
      return "expire";
  }
  return "unknown";
}

}  // namespace rbld
