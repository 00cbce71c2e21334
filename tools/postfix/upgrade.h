// Adds to master.cf the services that a newer release needs,
// keeping every line that is there.
#pragma once

namespace relais::postfix_command {

// The exit status.
int upgrade_configuration();

}  // namespace relais::postfix_command
