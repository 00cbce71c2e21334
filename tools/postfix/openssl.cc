#include "tools/postfix/openssl.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "tools/postfix/control.h"

namespace relais::postfix_command {

ProgramResult run_openssl(std::vector<std::string> arguments, std::string_view input) {
    arguments.insert(arguments.begin(), conf().openssl_path());
    auto result = run_program(std::move(arguments), input);
    if (!result) {
        refuse(result.error().message);
    }
    return *std::move(result);
}

std::string openssl_or_refuse(std::vector<std::string> arguments, std::string_view input,
                              std::string_view failure) {
    auto result = run_openssl(std::move(arguments), input);
    if (result.ok) {
        return std::move(result.output);
    }
    for (std::string_view line : split_words(result.complaints, "\n")) {
        log_warning("{}", printable(line));
    }
    refuse(failure);
}

}  // namespace relais::postfix_command
