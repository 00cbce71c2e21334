// The openssl program (openssl_path): what `postfix tls` makes and reads keys with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/run_program.h"

namespace relais::postfix_command {

// Runs it with `input` as its standard input, and waits.
[[nodiscard]] ProgramResult run_openssl(std::vector<std::string> arguments,
                                        std::string_view input = {});

// The output; where openssl fails its complaints are logged, and the process ends with `failure`.
[[nodiscard]] std::string openssl_or_refuse(std::vector<std::string> arguments,
                                            std::string_view input, std::string_view failure);

}  // namespace relais::postfix_command
