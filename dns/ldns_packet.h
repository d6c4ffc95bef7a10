// LdnsPacket: a reply as ldns reads it, for tests: what we write is judged by
// a library that is not ours.
#ifndef RBLD_DNS_LDNS_PACKET_H_
#define RBLD_DNS_LDNS_PACKET_H_

#include <stdlib.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

// The headers of ldns make macros of true and false, which breaks C++ headers
// that come behind them.
#include <ldns/ldns.h>
#undef true
#undef false
#undef bool

namespace rbld {

class LdnsPacket {
 public:
  LdnsPacket(const uint8_t* bytes, size_t size) {
    ldns_pkt* packet = nullptr;
    status_ = ldns_wire2pkt(&packet, bytes, size);
    if (status_ == LDNS_STATUS_OK) packet_.reset(packet);
  }

  bool ok() const { return packet_ != nullptr; }
  const char* error() const { return ldns_get_errorstr_by_id(status_); }
  const ldns_pkt* get() const { return packet_.get(); }

  int rcode() const { return ldns_pkt_get_rcode(get()); }
  bool aa() const { return ldns_pkt_aa(get()) != 0; }
  bool tc() const { return ldns_pkt_tc(get()) != 0; }
  // "owner.\tttl\tIN\ttype\trdata", one for each record.
  std::vector<std::string> answers() const {
    return Lines(ldns_pkt_answer(get()));
  }
  std::vector<std::string> authorities() const {
    return Lines(ldns_pkt_authority(get()));
  }

 private:
  struct Deleter {
    void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
  };

  static std::vector<std::string> Lines(const ldns_rr_list* records) {
    std::vector<std::string> lines;
    for (size_t i = 0; i < ldns_rr_list_rr_count(records); ++i) {
      char* text = ldns_rr2str(ldns_rr_list_rr(records, i));
      lines.emplace_back(text);
      free(text);
      lines.back().pop_back();  // the newline
    }
    return lines;
  }

  std::unique_ptr<ldns_pkt, Deleter> packet_;
  ldns_status status_ = LDNS_STATUS_OK;
};

}  // namespace rbld

#endif  // RBLD_DNS_LDNS_PACKET_H_
