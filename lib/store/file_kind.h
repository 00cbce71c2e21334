// What is at a path, perhaps by way of a link.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

enum class FileKind : std::uint8_t { kNone, kFile, kDirectory, kOther };

// An errno that tells that nothing is at a path.  A link to itself leads to nothing, and no file
// has a longer path than there can be.
[[nodiscard]] bool means_nothing_there(int reason);

// The error says that it cannot be found out: there may be something.
[[nodiscard]] Result<FileKind> file_kind(const std::string& path);

// Calls `take` for each entry of a directory, without "." and "..", with what it is where the
// directory tells that.
using TakeEntry = std::function<void(std::string_view name, std::optional<FileKind> kind)>;
[[nodiscard]] Result<void> for_each_entry(const std::string& directory, const TakeEntry& take);

// Where that cannot be found out, it is none.
[[nodiscard]] bool is_directory(const std::string& path);
[[nodiscard]] bool is_file(const std::string& path);

}  // namespace relais
