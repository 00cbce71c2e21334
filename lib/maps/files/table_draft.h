// The entries of an indexed table that is being built, in memory until all are known.  Duplicates
// are found at once, so that their warnings come in the order of the source; the table's own file
// is then written in the order that suits it, and only when nothing can go wrong any more.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/maps/table_flags.h"

namespace relais {

class TableDraft {
  public:
    // A key and its value as they are stored, with their NULs, if they have them.
    struct Entry {
        const char* data = nullptr;
        std::uint32_t key_size = 0;
        std::uint32_t value_size = 0;

        std::string_view key() const { return {data, key_size}; }

        std::string_view value() const { return {data + key_size, value_size}; }
    };

    // `name` is what warnings call the table.  Whether NULs are stored, and what happens to a key
    // that is there already, is told by `flags`.
    [[nodiscard]] Result<void> add(std::string_view key, std::string_view value, TableFlags flags,
                                   std::string_view name);

    // In the order in which they were added.
    std::vector<Entry>& entries() { return entries_; }

    // Brings the entries into the order of their keys' bytes, a shorter key before a longer one
    // that it begins.  Nothing can be added any more.
    void sort_by_key();
    // By a number that each entry has, then by key.
    void sort_by(const std::function<std::uint32_t(const Entry&)>& number);

    std::size_t size() const { return entries_.size(); }

    // Of all keys and values together.
    std::size_t total_size() const { return total_size_; }

  private:
    Entry store(std::string_view key, std::string_view value, std::size_t nul);
    // The slot of the key, or the empty one where it belongs.
    std::uint64_t& slot_of(std::string_view key, std::uint32_t tag);
    void grow();
    std::size_t common_prefix() const;

    std::vector<Entry> entries_;
    // An open-addressed index: the upper half is a piece of the key's hash, whose low bits are the
    // slot's number; the lower half is the entry's number and 1, or 0 in an empty slot.
    std::vector<std::uint64_t> slots_;
    std::string key_;  // as it is stored
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::size_t block_left_ = 0;
    char* block_end_ = nullptr;
    std::size_t total_size_ = 0;
};

// What an update of a key that is there does where the table keeps the old entry: nothing, a
// warning, or an error.
[[nodiscard]] Result<void> report_duplicate(std::string_view key, TableFlags flags,
                                            std::string_view name);

}  // namespace relais
