// What children see of the environment: only what import_environment names.
#pragma once

#include <string>
#include <vector>

namespace relais::master {

// "NAME=value" texts, from the environment of this process and conf().
[[nodiscard]] std::vector<std::string> child_environment();

}  // namespace relais::master
