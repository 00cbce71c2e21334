// Which milters there are and how each is used: smtpd_milters, non_smtpd_milters, and the milter_
// parameters.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/config/config.h"
#include "lib/milter/protocol.h"

namespace relais::milter {

// One filter.
struct FilterSettings {
    std::string name;  // "inet:host:port", "unix:path"
    std::chrono::seconds connect_timeout{};
    std::chrono::seconds command_timeout{};
    std::chrono::seconds content_timeout{};
    std::string protocol;        // as milter_protocol
    std::string default_action;  // as milter_default_action
};

// What all filters of a process share.
struct MacroSettings {
    MacroNames names;
    std::map<std::string, std::string, std::less<>> defaults;  // by name in braces
};

// "{name}": how macros are looked up, whatever form they were asked for in.
[[nodiscard]] std::string macro_key(std::string_view name);

// milter_*_macros and milter_macro_defaults.  A malformed default ends the process.
[[nodiscard]] MacroSettings macro_settings(const Config& config);

// A list of filters, each with the milter_ parameters or its own settings in braces.  The error
// tells what is wrong with the list.
[[nodiscard]] Result<std::vector<FilterSettings>> parse_filters(const Config& config,
                                                                std::string_view list);

}  // namespace relais::milter
