// AnswerDigest: a digest of what a dataset answers, the same for the same
// answers however its files say them, on every start of every machine.
//
// Used by one thread.
#ifndef RBLD_STORE_ANSWER_DIGEST_H_
#define RBLD_STORE_ANSWER_DIGEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/ip_prefix.h"
#include "store/resolved.h"
#include "store/value_table.h"

namespace rbld {

class AnswerDigest {
 public:
  // Borrows `values`, which the ids of what is added are of.
  explicit AnswerDigest(const ValueTable* values);
  ~AnswerDigest();
  AnswerDigest(const AnswerDigest&) = delete;
  AnswerDigest& operator=(const AnswerDigest&) = delete;

  // Runs ascend, first those of IPv4, then those of IPv6; the names follow, in
  // order. None of a run is kNotListed.
  void AddRun(Family family, const AddressBytes& first,
              const AddressBytes& last, ValueSetId values);
  void AddName(const ResolvedName& name);

  // 32 lower-case hex digits; ends the digest.
  std::string FinishHex();

 private:
  struct State;
  void Add(absl::string_view bytes);
  void AddNumber(uint64_t number);
  void AddValues(ValueSetId id);
  void FlushRun();

  const ValueTable& values_;
  const std::unique_ptr<State> state_;
  // By id; 0: not known yet.
  std::vector<uint64_t> digests_of_sets_;
  // The last run: neighbours with the same values are one.
  bool has_run_ = false;
  Family family_ = Family::kIpv4;
  AddressBytes first_ = {};
  AddressBytes last_ = {};
  ValueSetId run_values_ = kNotListed;
};

}  // namespace rbld

#endif  // RBLD_STORE_ANSWER_DIGEST_H_
