// Other programs, run for what they print. Blocks: for commands, not for daemons.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

struct ProgramResult {
    bool ok = false;  // exit status 0
    std::string output;
    std::string complaints;  // standard error
};

// Runs argv[0], looked for in PATH where it has no slash, with `input` as its standard input, and
// waits for its end. A program that can't be run is one that fails and complains of it; an error
// means that nothing could be started.
[[nodiscard]] Result<ProgramResult> run_program(std::vector<std::string> argv,
                                                std::string_view input = {});

}  // namespace relais
