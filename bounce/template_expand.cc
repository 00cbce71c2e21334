// The names in a template's text.
#include <array>
#include <chrono>
#include <optional>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

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
    }
    return std::nullopt;
}

bool is_name_byte(char c) {
    return is_alnum(c) || c == '_';
}

// The name after a "$" at the front of `text`, and how many bytes the reference takes.
struct Reference {
    std::string_view name;
    std::size_t length = 0;
};

std::optional<Reference> reference_at(std::string_view text) {
    std::size_t from = text.size() > 1 && (text[1] == '{' || text[1] == '(') ? 2 : 1;
    std::size_t end = from;
    while (end < text.size() && is_name_byte(text[end])) {
        ++end;
    }
    if (end == from) {
        return std::nullopt;
    }
    std::size_t closing = from - 1;
    if (closing == 1 && (end >= text.size() || (text[end] != '}' && text[end] != ')'))) {
        return std::nullopt;
    }
    return Reference{text.substr(from, end - from), end + closing};
}

// The times are put in first; main.cf's own expansion does the rest.
std::string expand_line(const Template& source, std::string_view line) {
    std::string out;
    while (!line.empty()) {
        auto reference = line[0] == '$' ? reference_at(line) : std::nullopt;
        auto value = reference ? time_value(source, reference->name) : std::nullopt;
        if (value) {
            out += *value;
            line.remove_prefix(reference->length);
        } else {
            out += line[0];
            line.remove_prefix(1);
        }
    }
    if (out.find('$') == std::string::npos) {
        return out;
    }
    auto expanded = conf().expand_text(out);
    if (!expanded) {
        log_fatal("{}: bad $name syntax in {} template: {}", source.origin, source.name(), line);
    }
    return std::move(*expanded);
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
