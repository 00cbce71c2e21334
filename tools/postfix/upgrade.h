// `postfix upgrade-configuration`: adds to master.cf the services that a newer release needs,
// keeping every line that is there.
#pragma once

#include <string>
#include <vector>

namespace relais::postfix_command {

int upgrade_configuration(const std::vector<std::string>& words);

}  // namespace relais::postfix_command
