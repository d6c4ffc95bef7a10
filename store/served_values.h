// ServedValues: a value set as queries read it: one piece of memory without
// pointers, so that it may as well lie in a mapped file.
//
// Immutable; any thread may read one.
#ifndef RBLD_STORE_SERVED_VALUES_H_
#define RBLD_STORE_SERVED_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "store/value.h"

namespace rbld {

// A Value whose reason is borrowed from the set.
struct ValueView {
  uint32_t code = 0;
  absl::string_view reason;
  uint32_t ttl_seconds = 0;
  ValueCondition condition;
};

// Lies at a multiple of 8 bytes.
class ServedValues {
 public:
  // What is read of a set with one value, but for the text of its reason.
  static constexpr size_t kOneValueBytes = 32;

  // How many bytes the set takes, a multiple of 8; and writes it there.
  static size_t BytesFor(const ValueSet& values);
  static void Write(const ValueSet& values, char* out);
  // The set at `bytes`, of which `available` may be read. Null if what is there
  // cannot be one.
  static const ServedValues* Read(const char* bytes, size_t available);

  ServedValues(const ServedValues&) = delete;
  ServedValues& operator=(const ServedValues&) = delete;

  size_t bytes() const { return bytes_; }
  uint32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }

  ValueView operator[](uint32_t i) const {
    const Entry& entry = entries()[i];
    return {
        entry.code,
        absl::string_view(
            reinterpret_cast<const char*>(this) + entry.reason_offset,
            entry.reason_bytes),
        entry.ttl_seconds,
        {entry.not_before, entry.needs_key != 0, entry.key_skips_wait != 0}};
  }

  class Iterator {
   public:
    Iterator(const ServedValues* values, uint32_t i) : values_(values), i_(i) {}
    ValueView operator*() const { return (*values_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    friend bool operator!=(const Iterator& a, const Iterator& b) {
      return a.i_ != b.i_;
    }

   private:
    const ServedValues* values_;
    uint32_t i_;
  };
  Iterator begin() const { return Iterator(this, 0); }
  Iterator end() const { return Iterator(this, count_); }

  ValueSet ToSet() const;
  friend bool operator==(const ServedValues& served, const ValueSet& values) {
    return served.ToSet() == values;
  }

 private:
  struct Entry {
    uint32_t code;
    uint32_t ttl_seconds;
    uint32_t reason_offset;  // from the set's start
    uint32_t reason_bytes : 30;
    uint32_t needs_key : 1;
    uint32_t key_skips_wait : 1;
    int64_t not_before;
  };
  static_assert(kOneValueBytes == 8 + sizeof(Entry));

  const Entry* entries() const {
    return reinterpret_cast<const Entry*>(this + 1);
  }

  // Only ever made by Write.
  uint32_t bytes_;
  uint32_t count_;
};
static_assert(sizeof(ServedValues) == 8);

// A set with its memory.
class OwnedValues {
 public:
  explicit OwnedValues(const ValueSet& values = {});
  const ServedValues& get() const {
    return *reinterpret_cast<const ServedValues*>(memory_.get());
  }
  bool empty() const { return get().empty(); }

 private:
  std::unique_ptr<uint64_t[]> memory_;
};

}  // namespace rbld

#endif  // RBLD_STORE_SERVED_VALUES_H_
