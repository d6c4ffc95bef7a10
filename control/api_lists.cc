// Lists and zones, and a list's records as a stream.
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "control/api_routes.h"
#include "control/query_reader.h"
#include "dns/name.h"
#include "zones/json_lines.h"

namespace rbld {
namespace {

constexpr size_t kDumpPieceBytes = 64 << 10;

Json PolicyToJson(const ListPolicy& policy) {
  Json json;
  json["min_ipv4_length_bits"] = policy.min_ipv4_length_bits;
  json["min_ipv6_length_bits"] = policy.min_ipv6_length_bits;
  json["allow_special_purpose"] = policy.allow_special_purpose;
  json["allow_any_code"] = policy.allow_any_code;
  json["names"] = policy.names == NameRule::kAny ? "any" : "host";
  json["never"] = Json::array();
  for (const Target& target : policy.never) {
    json["never"].push_back(target.ToString());
  }
  return json;
}

}  // namespace

ApiResponse ApiRoutes::GetLists(ApiRequest& request, const std::string&) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<std::vector<ListInfo>> lists = publisher_.Lists();
  if (!lists.ok()) return ErrorResponse(lists.status());
  Json json;
  json["lists"] = Json::array();
  for (const ListInfo& list : *lists) json["lists"].push_back(ToJson(list));
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetList(ApiRequest& request,
                               const std::string& argument) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const absl::StatusOr<std::vector<ListInfo>> lists = publisher_.Lists();
  if (!lists.ok()) return ErrorResponse(lists.status());
  for (const ListInfo& list : *lists) {
    if (list.name != argument) continue;
    Json json = ToJson(list);
    const std::shared_ptr<const Config> config = daemon_.config();
    for (const ListConfig& configured : config->lists) {
      if (configured.name != argument) continue;
      json["policy"] = PolicyToJson(configured.policy);
      json["default_values"] = ToJson(configured.default_values);
    }
    json["zones"] = Json::array();
    for (const ZoneConfig& zone : config->zones) {
      for (const std::string& name : PublishedLists(zone)) {
        if (name == argument) json["zones"].push_back(zone.name);
      }
    }
    json["watched"] = WatchedDatasets(*config, argument);
    return JsonResponse(json);
  }
  return ErrorResponse(
      404, "not_found",
      absl::StrCat("there is no list ", argument.substr(0, 64),
                   "; there are: ", absl::StrJoin(ListNames(), ", ")));
}

ApiResponse ApiRoutes::GetListDump(ApiRequest& request,
                                   const std::string& argument) {
  std::string source;
  QueryReader query(request.query);
  query.Take("source", &source);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  if (absl::StatusOr<ListSpec> spec = publisher_.list_spec(argument);
      !spec.ok()) {
    return ErrorResponse(spec.status());
  }
  ApiResponse response;
  response.content_type = "application/x-ndjson";
  // The state is pinned now: what the client gets is one sequence's content,
  // however slowly it reads.
  response.stream = [store = std::shared_ptr<PinnedStore>(publisher_.Pin()),
                     list = argument, source](const ResponseSink& sink) {
    std::string piece;
    bool client_there = true;
    const auto put = [&](const auto& record) {
      AppendJsonLine(record, &piece);
      if (piece.size() >= kDumpPieceBytes) {
        client_there = sink(piece);
        piece.clear();
      }
      return client_there;
    };
    absl::Status status =
        store->ForEachListing(list, [&](const Listing& listing) {
          if (!source.empty() && listing.source != source) return true;
          return put(listing);
        });
    if (status.ok() && client_there) {
      status = store->ForEachExemption(list, [&](const Exemption& exemption) {
        if (!source.empty() && exemption.scope_source != source) return true;
        return put(exemption);
      });
    }
    if (client_there && !status.ok()) {
      // No line of a feed looks like this, so that an import of what came
      // until here cannot pass for the whole.
      Json problem;
      problem["problem"] = status.message();
      piece += JsonText(problem) + "\n";
    }
    if (client_there) sink(piece);
  };
  return response;
}

Json ApiRoutes::ZoneToJson(const ZoneConfig& zone, bool whole) const {
  const std::shared_ptr<const StoreView> view = publisher_.view();
  Json json;
  json["name"] = zone.name;
  json["state"] = zone.state == ZoneState::kRetired ? "retired" : "serving";
  Json kinds = Json::array();
  if (zone.kind_from_files) {
    kinds.push_back("files");
  } else {
    if (zone.has_ipv4) kinds.push_back("ipv4");
    if (zone.has_ipv6) kinds.push_back("ipv6");
    if (zone.has_names) kinds.push_back("names");
  }
  json["kinds"] = std::move(kinds);
  json["lists"] = zone.lists;
  const auto serial = view->zone_serials.find(zone.name);
  json["serial"] =
      serial == view->zone_serials.end() ? Json(nullptr) : Json(serial->second);
  json["sequence"] = view->sequence;
  if (!whole) return json;
  json["ttl_seconds"] = zone.ttl_seconds;
  json["negative_ttl_seconds"] = zone.negative_ttl_seconds;
  Json soa;
  soa["mname"] = NameToText(zone.soa_mname_wire);
  soa["rname"] = NameToText(zone.soa_rname_wire);
  soa["ttl_seconds"] = zone.soa_ttl_seconds;
  soa["refresh_seconds"] = zone.refresh_seconds;
  soa["retry_seconds"] = zone.retry_seconds;
  soa["expire_seconds"] = zone.expire_seconds;
  json["soa"] = std::move(soa);
  json["ns"] = Json::array();
  for (const std::string& ns : zone.ns_wire) {
    json["ns"].push_back(NameToText(ns));
  }
  json["static_records"] = zone.records.size();
  json["subzones"] = Json::array();
  for (const SubzoneConfig& subzone : zone.subzones) {
    Json one;
    one["name"] = subzone.name;
    one["lists"] = subzone.lists;
    json["subzones"].push_back(std::move(one));
  }
  json["datasets"] = zone.datasets;
  json["combine"] =
      zone.combining == Combining::kBitMask ? "bitmask" : "records";
  json["unix_time_serial"] = zone.unix_time_serial;
  return json;
}

ApiResponse ApiRoutes::GetZones(ApiRequest& request, const std::string&) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  Json json;
  json["zones"] = Json::array();
  for (const ZoneConfig& zone : daemon_.config()->zones) {
    json["zones"].push_back(ZoneToJson(zone, /*whole=*/false));
  }
  return JsonResponse(json);
}

ApiResponse ApiRoutes::GetZone(ApiRequest& request,
                               const std::string& argument) {
  QueryReader query(request.query);
  if (absl::Status s = query.Finish(); !s.ok()) return ErrorResponse(s);
  const std::string name =
      absl::AsciiStrToLower(absl::StripSuffix(argument, "."));
  std::vector<std::string> names;
  const std::shared_ptr<const Config> config = daemon_.config();
  for (const ZoneConfig& zone : config->zones) {
    if (zone.name == name) return JsonResponse(ZoneToJson(zone, true));
    names.push_back(zone.name);
  }
  return ErrorResponse(
      404, "not_found",
      absl::StrCat("there is no zone ", name.substr(0, 255),
                   "; there are: ", absl::StrJoin(names, ", ")));
}

}  // namespace rbld
