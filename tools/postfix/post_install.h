// `postfix post-install [name=value ...] command ...`: what installers and container images run to
// make the queue, its permissions and an old master.cf fit. A name=value stands for what main.cf
// says.
#pragma once

#include <string>
#include <vector>

namespace relais::postfix_command {

// The words of the command line, "post-install" first; the exit status.
int post_install(const std::vector<std::string>& words);

}  // namespace relais::postfix_command
