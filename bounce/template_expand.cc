// The names in a template's text.
#include <array>
#include <chrono>
#include <optional>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/config/parameters.h"
#include "lib/config/readers.h"

#include "bounce/templates.h"

namespace relais::bounce {

namespace {

struct Unit {
    std::string_view suffix;
    long seconds;
};

constexpr std::array<Unit, 5> kUnits = {{
    {"seconds", 1},
    {"minutes", 60},
    {"hours", 3600},
    {"days", 86400},
    {"weeks", 604800},
}};

constexpr long kExcessive = 999;

std::string count_of(const Template& source, std::string_view parameter, const Unit& unit,
                     long seconds) {
    long result = seconds / unit.seconds;
    if (result > kExcessive && unit.seconds < kUnits.back().seconds) {
        log_warning("{}: excessive result \"{}\" in {} template conversion of parameter \"{}_{}\"",
                    source.origin, result, source.name(), parameter, unit.suffix);
        log_warning("please increase time unit \"{}\" of \"{}_{}\" in {} template", unit.suffix,
                    parameter, unit.suffix, source.name());
        log_warning("for instructions see the bounce(5) manual");
    } else if (result == 0 && seconds > 0) {
        log_warning("{}: zero result in {} template conversion of parameter \"{}_{}\"",
                    source.origin, source.name(), parameter, unit.suffix);
        log_warning("please reduce time unit \"{}\" of \"{}_{}\" in {} template", unit.suffix,
                    parameter, unit.suffix, source.name());
        log_warning("for instructions see the bounce(5) manual");
    }
    return std::to_string(result);
}

// "delay_warning_time_hours"; nothing for other names.
std::optional<std::string> time_value(const Template& source, std::string_view name) {
    for (std::string_view parameter : {"delay_warning_time", "maximal_queue_lifetime"}) {
        if (!name.starts_with(parameter) || name.substr(parameter.size()).substr(0, 1) != "_") {
            continue;
        }
        std::string_view suffix = name.substr(parameter.size() + 1);
        for (const Unit& unit : kUnits) {
            if (unit.suffix == suffix) {
                return count_of(source, parameter, unit, conf().time_value(parameter).count());
            }
        }
        log_fatal("{}: unrecognized suffix \"{}\" in parameter \"{}\"", source.origin, suffix,
                  name);
    }
    return std::nullopt;
}

// The names that Postfix's bounce daemon knows: what main.cf sets, and the parameters that it
// reads.
std::optional<std::string> value_of(const Template& source, std::string_view name) {
    if (auto time = time_value(source, name)) {
        return time;
    }
    auto parameter = find_parameter(name);
    bool known = conf().is_set(name) || (parameter && refuses_bad_value("bounce", *parameter));
    return known ? conf().find(name) : std::nullopt;
}

std::string expand_line(const Template& source, std::string_view line) {
    if (line.find('$') == std::string_view::npos) {
        return std::string(line);
    }
    ExpandOptions options;
    options.lookup = [&source](std::string_view name) { return value_of(source, name); };
    auto expanded = expand(line, options);
    if (!expanded) {
        log_warning("{}", expanded.error().message);
        log_fatal("{}: bad $name syntax in {} template: {}", source.origin, source.name(), line);
    }
    if (expanded->undefined) {
        log_fatal("{}: undefined $name in {} template: {}", source.origin, source.name(), line);
    }
    return std::move(expanded->text);
}

}  // namespace

std::vector<std::string> expand_text(const Template& source) {
    std::vector<std::string> lines;
    lines.reserve(source.text.size());
    for (const std::string& line : source.text) {
        lines.push_back(expand_line(source, line));
    }
    return lines;
}

}  // namespace relais::bounce
