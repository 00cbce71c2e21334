// `postfix post-install [name=value ...] command ...`: what installers and container images run to
// make the queue, its permissions and an old master.cf fit. A name=value stands for what main.cf
// says, and config_directory=PATH for where main.cf and master.cf are.  Two of the commands are
// subcommands of postfix, too, which take the others and the settings with them.
#pragma once

#include <span>
#include <string>

namespace relais::postfix_command {

// Commands and settings in any order: the settings hold for all commands.  Gives the exit status.
int post_install(std::span<const std::string> words);

}  // namespace relais::postfix_command
