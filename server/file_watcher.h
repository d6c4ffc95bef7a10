// FileWatcher: loads the data files that the configuration names, looks at them
// now and then, and loads those that changed. A version that cannot be loaded
// leaves the last good one in place and is said in the log.
//
// Thread-safe. The loading is done by a thread of its own, so that nobody waits
// for it.
#ifndef RBLD_SERVER_FILE_WATCHER_H_
#define RBLD_SERVER_FILE_WATCHER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "control/daemon_control.h"
#include "server/file_view.h"
#include "zones/config.h"

namespace rbld {

// Of a hundred lines of a new version this many may be left out, unless the
// version before was as bad: more means that the file is broken. An operator
// who asks for a reload of that version once more gets it.
inline constexpr double kMaxLeftOutPercent = 10;

class FileWatcher {
 public:
  // `on_change` gets each new view, on the thread that made it. `clock` is not
  // owned.
  FileWatcher(const Clock* clock,
              std::function<void(std::shared_ptr<const FileView>)> on_change);
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  // Takes the configuration's datasets: loads those that are new or differ, and
  // forgets those that are gone. Unless the configuration allows it, one that
  // cannot be loaded at all is an error, and nothing is taken. The new view is
  // returned and not given to `on_change`, so that it can be shown together
  // with the zones that need it.
  absl::StatusOr<std::shared_ptr<const FileView>> Configure(
      const Config& config);

  // Looks at the files from time to time, from now on.
  void Start();
  // Looks at them now, as an operator asks for it, and returns when what
  // changed is loaded. The error is the first that was met.
  absl::Status CheckNow();
  void Stop();

  // How each dataset is doing, by name. Never waits for a file that is loaded.
  std::vector<DatasetStatus> Status() const;

 private:
  // What tells one version of a file from another.
  struct Version {
    int64_t mtime_ns = 0;
    int64_t bytes = -1;  // -1: not there
    uint64_t inode = 0;
    // Moves with every writing, whatever becomes of mtime; and with a new mode,
    // owner or link, too.
    int64_t ctime_ns = 0;

    friend bool operator==(const Version&, const Version&) = default;
  };
  struct Watched {
    FileDatasetSpec spec;
    std::vector<Version> versions;  // when it was loaded, or that was tried
    std::shared_ptr<const ServedDataset> served;
    int64_t loaded = 0;  // when `served` was; seconds since 1970 UTC; 0: never
    std::string last_error;
    int64_t failing_since = 0;  // with last_error; seconds since 1970 UTC
    // The last line has no newline: the next look tells whether it was still
    // being written.
    bool waiting = false;
    // An operator asked for these versions, and was told that they seem broken.
    bool refused_when_asked = false;
  };

  static std::vector<Version> VersionsOf(const FileDatasetSpec& spec);
  static bool SameButForCtime(std::vector<Version> a, std::vector<Version> b);
  // Why files are read.
  enum class Occasion {
    kFirst,  // there is no good version yet
    kLook,   // they were found to be others
    kAsked,  // an operator wants them
  };
  // Loads `watched` and replaces what it serves.
  absl::Status Load(Watched* watched, Occasion occasion)
      RBLD_REQUIRES(load_mutex_);
  absl::Status CheckAll(Occasion occasion) RBLD_REQUIRES(load_mutex_);
  std::shared_ptr<const FileView> View() const RBLD_REQUIRES(load_mutex_);
  // Makes Status() tell of `watched_` as it is now.
  void ShowStatus() RBLD_REQUIRES(load_mutex_);
  void Loop();

  const Clock& clock_;
  const std::function<void(std::shared_ptr<const FileView>)> on_change_;
  const uint64_t name_seed_;

  // Held while files are loaded.
  Mutex load_mutex_;
  std::map<std::string, Watched> watched_ RBLD_GUARDED_BY(load_mutex_);
  std::string scratch_directory_ RBLD_GUARDED_BY(load_mutex_);

  // Held for a moment only.
  mutable Mutex mutex_;
  CondVar wake_;
  int64_t check_seconds_ RBLD_GUARDED_BY(mutex_) = 0;
  std::vector<DatasetStatus> statuses_ RBLD_GUARDED_BY(mutex_);
  bool stopping_ RBLD_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace rbld

#endif  // RBLD_SERVER_FILE_WATCHER_H_
