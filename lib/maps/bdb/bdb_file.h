// Reads Berkeley DB hash and btree files without the library: lookups and listing.  What few
// programs use (duplicates in pages of their own, checksums, encryption, record numbers, several
// databases in a file) is refused with Errc::kDenied.  A file that contradicts itself gives
// Errc::kCorrupt, never anything worse.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

class BdbFile {
  public:
    enum class Kind { kHash, kBtree };

    // `fd` stays the caller's and must live longer.  A file of the other kind is kCorrupt.
    // `cache_size` bounds the bytes of pages kept in memory.
    [[nodiscard]] static Result<std::unique_ptr<BdbFile>> open(int fd, Kind kind,
                                                               std::size_t cache_size);

    BdbFile() = default;
    virtual ~BdbFile() = default;
    BdbFile(const BdbFile&) = delete;
    BdbFile& operator=(const BdbFile&) = delete;

    // True where `key` is there, with its (first) value.
    [[nodiscard]] virtual Result<bool> find(std::string_view key, std::string& value) = 0;

    // The walk over all entries in the file's order; false at the end.
    virtual void rewind() = 0;
    [[nodiscard]] virtual Result<bool> next(std::string& key, std::string& value) = 0;
};

}  // namespace relais
