// ConfigReference: the manual of rbld.toml's settings, made from the very rows
// that check the file. docs/CONFIGURATION.md holds it; a test keeps it equal.
#ifndef RBLD_ZONES_CONFIG_REFERENCE_H_
#define RBLD_ZONES_CONFIG_REFERENCE_H_

#include <string>

namespace rbld {

// Markdown, ending in a newline.
std::string ConfigReference();

// A file that gives every setting that has a default that default; a test
// holds it against a file that gives none.
std::string ConfigOfDefaults();

}  // namespace rbld

#endif  // RBLD_ZONES_CONFIG_REFERENCE_H_
