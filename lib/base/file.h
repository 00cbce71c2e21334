// Whole-file and directory operations for code that may block: tools, start-up, small files.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais {

// Opens with O_CLOEXEC added.  The error names the path.
[[nodiscard]] Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode = 0);
[[nodiscard]] Result<UniqueFd> open_at(int directory, const std::string& path, int flags,
                                       unsigned mode = 0);

// The whole file, or kTooLarge when it is longer than `limit` bytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path,
                                            std::size_t limit = std::size_t{64} << 20);
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit = std::size_t{64} << 20);

// Writes every byte, through short writes and EINTR.
[[nodiscard]] Result<void> write_all(int fd, std::string_view bytes);

// Replaces `path` so that readers see the old or the new file, whole, and a crash leaves one of
// them: temporary file beside it, fsync, rename, fsync of the directory.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view content,
                                        unsigned mode);

// fsync of a directory, so that names made in it outlive a crash.
[[nodiscard]] Result<void> sync_directory(const std::string& path);

// Makes a directory and the parents that are missing; one that exists is well.
[[nodiscard]] Result<void> make_directories(const std::string& path, unsigned mode);

// The names in a directory, sorted, without "." and "..".
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path);

// The directory that a path is in, without a slash at its end; "." where the path has none.
[[nodiscard]] std::string parent_directory(const std::string& path);

// The path from the root on, links followed; nothing where it leads to nothing.
[[nodiscard]] std::optional<std::string> real_path(const std::string& path);

// Whether the open file is still what is at the path, and nothing has taken its place there.
[[nodiscard]] bool is_file_at(int fd, const std::string& path);

[[nodiscard]] Result<void> set_nonblocking(int fd);

// For who expects that a read or write waits.
[[nodiscard]] Result<void> set_blocking(int fd);

}  // namespace relais
