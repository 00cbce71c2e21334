// The words of a sandbox's table (FileRule) as places in the file system, as they are now.
#pragma once

#include <span>
#include <vector>

#include "lib/daemon/sandbox.h"

namespace relais {

// What everybody may read, what `table` says, what only this process knows, and what the tables
// need that it has opened.  Some of it may not exist.
[[nodiscard]] std::vector<KnownPlace> places_of(const SandboxTable& table,
                                                std::span<const KnownPlace> known_now);

}  // namespace relais
