// The log of an index (dovecot_index.h): transactions, applied one after the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/store/byte_reader.h"
#include "lib/store/dovecot_index.h"

namespace relais {

class DovecotIndexLog {
  public:
    DovecotIndexLog(DovecotIndex& index, std::string_view bytes) : index_(index), bytes_(bytes) {}

    // What the index does not have yet.  False for what is no log; one that is cut short is
    // applied as far as it goes.
    [[nodiscard]] bool apply();

  private:
    void apply_one(std::uint32_t type, std::string_view body);
    void append(ByteReader body);
    void expunge(ByteReader body, std::size_t more);
    void update_flags(ByteReader body);
    void update_header(ByteReader body);
    void introduce(ByteReader body);
    void reset_extension(ByteReader body);
    void update_extension_header(ByteReader body, bool wide);
    void update_extension_records(ByteReader body);
    void increment_extension_records(ByteReader body);
    void update_keywords(ByteReader body);
    void reset_keywords(ByteReader body);
    DovecotIndex::Extension* extension();

    template <class Change>
    void for_range(std::uint32_t first, std::uint32_t last, Change change);

    DovecotIndex& index_;
    std::string_view bytes_;
    std::optional<std::uint32_t> extension_;  // which one the next records are about
};

}  // namespace relais
