// Prints docs/CONFIGURATION.md.
#include <cstdio>

#include "zones/config_reference.h"

int main() {
  std::fputs(rbld::ConfigReference().c_str(), stdout);
  return 0;
}
