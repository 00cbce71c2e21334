// Which directory it is, or which file that is a mailbox, under whatever name.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace relais {

struct DirectoryId {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t born_ns = 0;  // an inode number is given out again

    friend auto operator<=>(const DirectoryId&, const DirectoryId&) = default;
};

// Nothing where there is none, or the file system does not know when it was made.
[[nodiscard]] std::optional<DirectoryId> directory_id(const std::string& path);

}  // namespace relais
