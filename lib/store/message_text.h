// A message lies in memory while it is looked at.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"

namespace relais {

// What the file has between these offsets, or as much of it as is there.  kTooLarge for more than
// any message has.
[[nodiscard]] Result<std::string> read_message_text(int fd, std::uint64_t from, std::uint64_t to);

}  // namespace relais
