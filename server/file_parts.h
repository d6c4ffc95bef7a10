// What zones answer from watched files, for their serials (ZoneSpec).
#ifndef RBLD_SERVER_FILE_PARTS_H_
#define RBLD_SERVER_FILE_PARTS_H_

#include <vector>

#include "server/file_view.h"
#include "store/publisher.h"
#include "zones/config.h"

namespace rbld {

// `specs` are ZoneSpecs(config). Zones without datasets stay as they are; the
// others get the files of `files` into their parts, as a Snapshot has them, and
// a digest of them. Access lists are no answers.
void AddFileParts(const Config& config, const FileView& files,
                  std::vector<ZoneSpec>* specs);

}  // namespace rbld

#endif  // RBLD_SERVER_FILE_PARTS_H_
