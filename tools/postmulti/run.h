// postmulti -l, -p and -x: what is done for each of the chosen instances.
#pragma once

#include "tools/postmulti/instance.h"
#include "tools/postmulti/options.h"

namespace relais::postmulti {

void list_instances(const Options& options, const Suite& suite);

// -p: a command of postfix(1); -x: any command, with the instance in its environment.  The exit
// status: 0 where every one of them ended with 0.
[[nodiscard]] int run_for_instances(const Options& options, const Suite& suite);

// The environment variables that tell a command which instance it works for.
void export_instance(const Instance& instance);

// Runs a program and waits for it; its exit status, or 1 where it did not end by itself.
[[nodiscard]] int run_program(const std::vector<std::string>& argv);

// The same; what it says on standard error is shown only where it fails.
[[nodiscard]] int run_quietly(const std::vector<std::string>& argv);

// The instance that -i names; ends the program where there is none.
[[nodiscard]] const Instance& named_instance(const Options& options, const Suite& suite);

}  // namespace relais::postmulti
