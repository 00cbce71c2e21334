// `postfix non-bdb`: the level of help with moving away from Berkeley DB, in main.cf and master.cf.
#pragma once

#include <string>
#include <vector>

namespace relais::postfix_command {

int manage_non_bdb(const std::vector<std::string>& words);

}  // namespace relais::postfix_command
