// main.cf.d and master.cf.d: files beside main.cf and master.cf that are read after them, in the
// order of their names.  A later file wins over an earlier one.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"

namespace relais {

// The paths of DIRECTORY/*.cf without hidden files; none where there is no such directory.
[[nodiscard]] Result<std::vector<std::string>> drop_in_files(const std::string& directory);

}  // namespace relais
