// The operator's command; tools/rblctl.h says what it does.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "tools/rblctl.h"

int main(int argc, char** argv) {
  // A reader that closes its end early (`rblctl find | head`) is no error.
  std::signal(SIGPIPE, SIG_DFL);
  std::ios::sync_with_stdio(false);
  rbld::RblctlStreams streams;
  streams.in = &std::cin;
  streams.out = &std::cout;
  streams.err = &std::cerr;
  streams.in_is_terminal = isatty(STDIN_FILENO) == 1;
  streams.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  streams.err_is_terminal = isatty(STDERR_FILENO) == 1;
  const int code =
      rbld::RunRblctl(std::vector<std::string>(argv + 1, argv + argc), streams);
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "rblctl: cannot write the output\n";
    return code == rbld::kExitDone ? rbld::kExitUnknown : code;
  }
  return code;
}
