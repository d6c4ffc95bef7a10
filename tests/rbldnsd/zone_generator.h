// GenerateZone: random data files of rbldnsd's language, with the names that
// are worth asking: edges of ranges and their neighbours, exclusions, partial
// names of every depth.
//
// Pure but for the random numbers.
#ifndef RBLD_TESTS_RBLDNSD_ZONE_GENERATOR_H_
#define RBLD_TESTS_RBLDNSD_ZONE_GENERATOR_H_

#include <random>
#include <string>
#include <vector>

#include "zones/rbldnsd/dataset_type.h"

namespace rbld {

struct GeneratedDataset {
  DatasetType type = DatasetType::kIp4Set;
  std::vector<std::string> files;  // their texts
};

struct GeneratedZone {
  std::vector<GeneratedDataset> datasets;
  // Names below the zone, "" for itself.
  std::vector<std::string> names;
};

using Random = std::mt19937_64;

// A zone that has a dataset of `type`, and with acl others beside it.
GeneratedZone GenerateZone(DatasetType type, Random* random);

}  // namespace rbld

#endif  // RBLD_TESTS_RBLDNSD_ZONE_GENERATOR_H_
