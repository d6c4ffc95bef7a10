// What a list answers, as a sorted stream: the form in which the index is
// built and mirrors' dumps are written. Datasets are united, precedence and
// exemptions are applied.
#ifndef RBLD_STORE_RESOLVED_H_
#define RBLD_STORE_RESOLVED_H_

#include <functional>
#include <string>

#include "base/ip_prefix.h"
#include "store/value.h"

namespace rbld {

// Every address of `first`..`last` answers with `values` (never kNotListed).
// A stream of runs is ascending and disjoint; neighbours may have the same
// values.
struct ResolvedRun {
  Family family = Family::kIpv4;
  AddressBytes first = {};
  AddressBytes last = {};
  ValueSetId values = kNotListed;
};

// A name that decides something. A query's answer is `exact` of its own node
// if that has one, else `below` of the nearest node above that has one.
// kNotListed there means exempt. Streams are in order of reversed_wire: a node
// comes before those below it.
struct ResolvedName {
  std::string reversed_wire;  // as Target::reversed_wire()
  bool has_exact = false;
  ValueSetId exact = kNotListed;
  bool has_below = false;
  ValueSetId below = kNotListed;
};

// Return false to stop the stream.
using RunSink = std::function<bool(const ResolvedRun&)>;
using NameSink = std::function<bool(const ResolvedName&)>;

}  // namespace rbld

#endif  // RBLD_STORE_RESOLVED_H_
