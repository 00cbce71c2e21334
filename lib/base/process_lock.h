// The lock that lets one master run at a time: a file that holds the pid (right-aligned in 32
// columns, and a newline) and is locked as long as the process lives.
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais {

// Takes the lock and writes this process's pid.  kDenied: another process holds it.
[[nodiscard]] Result<UniqueFd> take_process_lock(const std::string& path);

// Writes the pid again, after a fork that kept the descriptor.
[[nodiscard]] Result<void> write_pid(int fd);

// The pid of the process that holds the lock; nothing when nobody does or there is no file.
[[nodiscard]] Result<std::optional<long>> process_lock_holder(const std::string& path);

}  // namespace relais
