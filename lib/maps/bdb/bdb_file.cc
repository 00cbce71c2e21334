#include "lib/maps/bdb/bdb_file.h"

#include "lib/maps/bdb/bdb_btree.h"
#include "lib/maps/bdb/bdb_hash.h"

namespace relais {

Result<std::unique_ptr<BdbFile>> BdbFile::open(int fd, Kind kind, std::size_t cache_size) {
    auto pages = bdb::Pages::open(fd, cache_size);
    if (!pages) {
        return fail_with(pages);
    }
    return kind == Kind::kHash ? bdb::HashFile::open(std::move(*pages))
                               : bdb::BtreeFile::open(std::move(*pages));
}

}  // namespace relais
