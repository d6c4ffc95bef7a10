// The operator's command; tools/rblctl.h says what it does.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <streambuf>
#include <string>
#include <vector>

#include "tools/rblctl.h"

namespace {

// Standard output. A reader that is gone (`rblctl find | head`) ends the
// program at once and quietly, as SIGPIPE does by default; the signal itself is
// ignored, for a connection to the daemon that breaks must not do the same.
class OutputBuffer : public std::streambuf {
 public:
  OutputBuffer() { Reset(); }

 protected:
  int overflow(int byte) override {
    if (sync() != 0) return traits_type::eof();
    if (byte != traits_type::eof()) sputc(static_cast<char>(byte));
    return traits_type::not_eof(byte);
  }

  int sync() override {
    const char* next = pbase();
    while (next < pptr()) {
      const ssize_t written =
          write(STDOUT_FILENO, next, static_cast<size_t>(pptr() - next));
      if (written >= 0) {
        next += written;
      } else if (errno == EPIPE) {
        std::signal(SIGPIPE, SIG_DFL);
        std::raise(SIGPIPE);
      } else if (errno != EINTR) {
        Reset();
        return -1;
      }
    }
    Reset();
    return 0;
  }

 private:
  void Reset() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }

  std::array<char, 64 << 10> bytes_;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  OutputBuffer output;
  std::ostream out(&output);
  rbld::RblctlStreams streams;
  streams.in = &std::cin;
  streams.out = &out;
  streams.err = &std::cerr;
  streams.in_is_terminal = isatty(STDIN_FILENO) == 1;
  streams.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  streams.err_is_terminal = isatty(STDERR_FILENO) == 1;
  const int code =
      rbld::RunRblctl(std::vector<std::string>(argv + 1, argv + argc), streams);
  out.flush();
  if (!out) {
    std::cerr << "rblctl: cannot write the output\n";
    return code == rbld::kExitDone ? rbld::kExitUnknown : code;
  }
  return code;
}
