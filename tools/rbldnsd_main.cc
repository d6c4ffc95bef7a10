// rbldnsd: rbld with rbldnsd's command line. It translates its arguments into a
// configuration and becomes rbld.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/service_sockets.h"
#include "base/user.h"
#include "tools/rbldnsd_dump.h"
#include "tools/rbldnsd_front.h"

namespace rbld {
namespace {

constexpr int kExitFailed = 1;
constexpr char kDefaultUser[] = "rbldns";

void Say(FILE* stream, absl::string_view text) {
  fprintf(stream, "rbldnsd: %s\n", std::string(text).c_str());
  fflush(stream);
}

// Beside this program, where Bazel builds it, or in the path.
std::string FindRbld() {
  char self[4096];
  const ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self));
  if (bytes > 0) {
    std::string folder(self, static_cast<size_t>(bytes));
    folder.resize(folder.rfind('/'));
    for (const char* place : {"/rbld", "/../server/rbld"}) {
      const std::string path = folder + place;
      if (access(path.c_str(), X_OK) == 0) return path;
    }
  }
  return "rbld";
}

// A descriptor from which rbld reads the configuration; -1 after a message.
int ConfigDescriptor(const std::string& text) {
  const int fd = memfd_create("rbldnsd", 0);
  if (fd < 0 ||
      write(fd, text.data(), text.size()) !=
          static_cast<ssize_t>(text.size()) ||
      lseek(fd, 0, SEEK_SET) != 0) {
    Say(stderr, absl::StrCat("the configuration: ", strerror(errno)));
    return -1;
  }
  return fd;
}

bool WritePid(const std::string& path) {
  FILE* const file = fopen(path.c_str(), "we");
  if (file == nullptr || fprintf(file, "%d\n", getpid()) < 0 ||
      fclose(file) != 0) {
    Say(stderr, absl::StrCat(path, ": ", strerror(errno)));
    return false;
  }
  return true;
}

// Waits for rbld to say that it answers; the exit status of the foreground.
int AwaitReady(int notify_fd, pid_t child) {
  while (true) {
    pollfd ready = {notify_fd, POLLIN, 0};
    if (poll(&ready, 1, 100) > 0) {
      char message[256];
      const ssize_t bytes = recv(notify_fd, message, sizeof(message) - 1, 0);
      if (bytes <= 0) continue;
      message[bytes] = '\0';
      if (strstr(message, "READY=1") != nullptr) return 0;
    }
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) return kExitFailed;
  }
}

// Goes into the background: returns there, and ends the foreground once rbld
// answers, or with `quick` at once.
bool Daemonize(bool quick) {
  const int notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = absl::StrCat("@rbldnsd-", getpid());
  memcpy(address.sun_path, name.data(), name.size());
  address.sun_path[0] = '\0';
  const socklen_t bytes =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (notify_fd < 0 ||
      bind(notify_fd, reinterpret_cast<sockaddr*>(&address), bytes) != 0) {
    Say(stderr, absl::StrCat("going into the background: ", strerror(errno)));
    return false;
  }
  const pid_t child = fork();
  if (child < 0) {
    Say(stderr, absl::StrCat("fork: ", strerror(errno)));
    return false;
  }
  if (child > 0) _exit(quick ? 0 : AwaitReady(notify_fd, child));
  setsid();
  if (!quick) setenv("NOTIFY_SOCKET", name.c_str(), 1);
  // Sockets that were passed to this program are for the one in the background.
  if (getenv("LISTEN_PID") != nullptr) {
    setenv("LISTEN_PID", absl::StrCat(getpid()).c_str(), 1);
  }
  return true;
}

int Dump(FrontOptions options) {
  // rbldnsd enters -r here, too, though its manual says otherwise. The scratch
  // files of a dump need the world outside, so only the names are those inside.
  std::string folder = options.work;
  if (!options.root.empty()) {
    char root[PATH_MAX];
    if (realpath(options.root.c_str(), root) == nullptr) {
      Say(stderr, absl::StrCat(options.root, ": ", strerror(errno)));
      return kExitFailed;
    }
    folder = absl::StrCat(root, "/", options.work);
    for (FrontZoneSpec& spec : options.zones) {
      for (std::string& file : spec.files) {
        if (file[0] == '/') file = root + file;
      }
    }
  }
  if (!folder.empty() && chdir(folder.c_str()) != 0) {
    Say(stderr, absl::StrCat(folder, ": ", strerror(errno)));
    return kExitFailed;
  }
  const absl::Status status = DumpFrontZones(options, &std::cout, &std::cerr);
  std::cout.flush();
  if (status.ok() && std::cout) return 0;
  Say(stderr,
      status.ok() ? "standard output cannot be written" : status.message());
  return kExitFailed;
}

int Main(const std::vector<std::string>& arguments) {
  std::vector<std::string> listen = PassedAddresses();
  if (arguments.empty()) {
    fputs(kFrontHelp, stdout);
    return kExitFailed;
  }
  absl::StatusOr<FrontOptions> options =
      ParseFrontArguments(arguments, !listen.empty());
  if (!options.ok()) {
    Say(stderr, options.status().message());
    return kExitFailed;
  }
  if (options->help) {
    fputs(kFrontHelp, stdout);
    return 0;
  }
  for (const std::string& ignored : options->ignored) Say(stderr, ignored);
  if (options->dump) return Dump(*options);
  if (options->user.empty() && geteuid() == 0) options->user = kDefaultUser;
  if (geteuid() != 0) options->user.clear();
  if (!options->user.empty()) {
    const absl::StatusOr<User> user = FindUser("-u", options->user);
    if (!user.ok() || user->uid == 0) {
      Say(stderr, user.ok() ? "a daemon should not run as root; name a user "
                              "that is not root with -u"
                            : user.status().message());
      return kExitFailed;
    }
  }
  for (const std::string& bind : options->binds) {
    const absl::StatusOr<std::vector<std::string>> resolved =
        ResolveBind(bind, options->family);
    if (!resolved.ok()) {
      Say(stderr, resolved.status().message());
      return kExitFailed;
    }
    for (const std::string& address : *resolved) {
      if (std::find(listen.begin(), listen.end(), address) == listen.end()) {
        listen.push_back(address);
      }
    }
  }
  // Inside a changed root, and without one, data files are named from the
  // working directory; an absolute one keeps that true for the configuration.
  if (options->work.empty() && options->root.empty()) {
    char here[4096];
    if (getcwd(here, sizeof(here)) != nullptr) options->work = here;
  }
  // A manager that waits for a message waits for it from this process, and
  // takes its end for the service's; rbldnsd, too, stays then.
  const char* const notify = getenv("NOTIFY_SOCKET");
  if (notify != nullptr && notify[0] != '\0') options->foreground = true;
  const int fd = ConfigDescriptor(FrontConfig(*options, listen));
  if (fd < 0) return kExitFailed;
  if (!options->foreground && !Daemonize(options->quick)) return kExitFailed;
  if (!options->pid_file.empty() && !WritePid(options->pid_file)) {
    return kExitFailed;
  }
  for (const std::string& address : listen) {
    const size_t colon = address.rfind(':');
    Say(stdout, absl::StrCat("listening on ",
                             absl::StrReplaceAll(address.substr(0, colon),
                                                 {{"[", ""}, {"]", ""}}),
                             "/", address.substr(colon + 1)));
  }
  std::vector<std::string> command = {
      FindRbld(), absl::StrCat("--config_fd=", fd), "--config=command line"};
  if (!options->root.empty()) command.push_back("--chroot=" + options->root);
  if (!options->work.empty()) command.push_back("--workdir=" + options->work);
  if (!options->stats_file.empty()) {
    command.push_back(
        absl::StrCat("--stats_file=", options->stats_deltas ? "+" : "",
                     options->stats_file));
    command.push_back(absl::StrCat(
        "--stats_every=",
        options->check_seconds == 0 ? 60 : options->check_seconds));
  }
  std::vector<char*> argv;
  for (std::string& part : command) argv.push_back(part.data());
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  Say(stderr, absl::StrCat("starting ", command[0], ": ", strerror(errno),
                           "; rbld must stand beside rbldnsd or in the path"));
  return kExitFailed;
}

}  // namespace
}  // namespace rbld

int main(int argc, char** argv) {
  return rbld::Main(std::vector<std::string>(argv + 1, argv + argc));
}
