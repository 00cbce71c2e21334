// What a message that was acknowledged rests on: the order in which a journal keeps the changes of
// a file system, or the fsync of each directory as well.
#pragma once

#include <string>

#include "lib/base/result.h"

namespace relais {

enum class Durability { kJournal, kStrict };

// Of this process, for all its threads and children; kJournal until it is set.
void set_durability(Durability durability);
[[nodiscard]] Durability durability();

// Where that is asked for, the name of a new file or directory outlives a crash from now on, by
// fsync of the directory that it is in; who may not read that syncs the whole file system.  Blocks.
[[nodiscard]] Result<void> sync_name_if_strict(const std::string& path);

}  // namespace relais
