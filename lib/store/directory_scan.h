// Reads new/ and cur/ of a Maildir at once into one block of memory, and finds files by base name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

struct FoundFile {
    std::uint32_t name_at = 0;
    std::uint16_t name_size = 0;
    std::uint16_t base_size = 0;
    std::uint32_t uid = 0;  // for the caller, once it is known
    bool in_new = false;
    bool used = false;  // for the caller; set for the loser of two equal names
};

class FoundFiles {
  public:
    // Adds the files of `directory`.  Names that begin with a dot, or are too long, are left out.
    [[nodiscard]] Result<void> read(const std::string& directory, bool in_new);

    void add(std::string_view name, bool in_new);

    // Builds the table for find().  A base name that occurs twice counts once: the one with flags.
    void index();

    // Null when there is no file with that base name.
    FoundFile* find(std::string_view base);

    std::string_view name(const FoundFile& file) const {
        return std::string_view(names_).substr(file.name_at, file.name_size);
    }

    std::string_view base(const FoundFile& file) const {
        return std::string_view(names_).substr(file.name_at, file.base_size);
    }

    std::vector<FoundFile>& files() { return files_; }

    const std::vector<FoundFile>& files() const { return files_; }

  private:
    std::size_t slot_of(std::string_view base) const;

    std::string names_;
    std::vector<FoundFile> files_;
    std::vector<std::uint32_t> table_;  // index + 1 into files_; open addressing
};

}  // namespace relais
