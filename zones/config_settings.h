// The settings of rbld.toml: for each table what it is read into and the rows
// that check it. Only the configuration's own sources use this.
#ifndef RBLD_ZONES_CONFIG_SETTINGS_H_
#define RBLD_ZONES_CONFIG_SETTINGS_H_

#include <string>
#include <utility>
#include <vector>

#include "zones/config.h"
#include "zones/toml_node.h"

namespace rbld {

// Text whose meaning hangs on other keys, kept with its place until all are
// read.
using PlacedTexts = std::vector<std::pair<std::string, TomlNode>>;

struct ServerDraft {
  PlacedTexts listen;
};

struct ControlDraft {
  PlacedTexts sockets;  // key and node
};

struct ListDraft {
  TomlNode node;
  ListConfig list;
  TomlNode name_node;
  Value value;            // of code, reason and ttl
  TomlNode single_value;  // the first of them that stands in the file
  std::vector<std::pair<Value, TomlNode>> values;
  PlacedTexts never;
};

// An element of `lists`: a name, or a table of a name and values.
struct ListUse {
  std::string name;
  TomlNode node;
  ListValues values;
};

struct SubzoneDraft {
  SubzoneConfig subzone;
  TomlNode name_node;
  std::vector<ListUse> lists;
};

struct AccessDraft {
  AccessConfig access;
  TomlNode value_node;  // of its code or reason
  PlacedTexts clients;
};

struct ZoneDraft {
  TomlNode node;
  ZoneConfig zone;
  TomlNode name_node;
  PlacedTexts kinds;
  std::vector<ListUse> lists;
  std::vector<TomlNode> subzones;
  std::vector<TomlNode> access;
  TomlNode wrong_kind_node;
  PlacedTexts ns;
  PlacedTexts records;
  std::string mname;
  TomlNode mname_node;
  std::string rname;
  TomlNode rname_node;
  TomlNode test_reason_node;
};

struct DatasetDraft {
  TomlNode node;
  DatasetConfig dataset;
  TomlNode name_node;
  PlacedTexts files;
  PlacedTexts lists;
  PlacedTexts zones;
  std::string type;
  TomlNode type_node;
  TomlNode entry_parameters;
};

struct DumpDraft {
  DumpConfig dump;
  TomlNode zone_node;
  TomlNode directory_node;
  TomlNode formats_node;
  PlacedTexts formats;
};

struct RelayDraft {
  TomlNode node;
  RelayConfig relay;
  TomlNode list_node;
  TomlNode output_list_node;
  TomlNode domain_node;
  TomlNode url_node;
  TomlNode contact_node;
  PlacedTexts never;
  PlacedTexts lab_networks;
};

struct FileDraft {
  Config config;
  ServerDraft server;
  ControlDraft control;
  std::vector<TomlNode> lists;
  std::vector<TomlNode> zones;
  std::vector<TomlNode> datasets;
  std::vector<TomlNode> dumps;
  TomlNode relay;
};

const std::vector<Setting<FileDraft>>& FileSettings();
const std::vector<Setting<FileDraft>>& StoreSettings();
const std::vector<Setting<FileDraft>>& ServerSettings();
const std::vector<Setting<FileDraft>>& ControlSettings();
const std::vector<Setting<ListDraft>>& ListSettings();
const std::vector<Setting<Value>>& ValueSettings();
const std::vector<Setting<ZoneDraft>>& ZoneSettings();
const std::vector<Setting<ZoneDraft>>& SoaSettings();
const std::vector<Setting<ListUse>>& ListUseSettings();
const std::vector<Setting<Value>>& RefusalSettings();
const std::vector<Setting<SubzoneDraft>>& SubzoneSettings();
const std::vector<Setting<AccessDraft>>& AccessSettings();
const std::vector<Setting<FileDraft>>& FilesSettings();
const std::vector<Setting<DatasetDraft>>& DatasetSettings();
const std::vector<Setting<DumpDraft>>& DumpSettings();
const std::vector<Setting<RelayDraft>>& RelayTestSettings();

}  // namespace rbld

#endif  // RBLD_ZONES_CONFIG_SETTINGS_H_
