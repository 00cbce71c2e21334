#include "lib/milter/settings.h"

#include <array>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais::milter {
namespace {

// Puts one "name = value" of a filter's own settings into effect; the error is what it should be.
std::string apply(FilterSettings& filter, const Assignment& setting) {
    struct Time {
        std::string_view name;
        std::chrono::seconds FilterSettings::* field;
    };

    static constexpr std::array<Time, 3> kTimes = {
        {{"connect_timeout", &FilterSettings::connect_timeout},
         {"command_timeout", &FilterSettings::command_timeout},
         {"content_timeout", &FilterSettings::content_timeout}}};
    for (const auto& known : kTimes) {
        if (setting.name == known.name) {
            const auto value = parse_time(setting.value, 's');
            if (!value || value->count() < 1) {
                return format("bad time value: {}={}", setting.name, setting.value);
            }
            filter.*known.field = *value;
            return {};
        }
    }
    if (setting.name == "protocol") {
        filter.protocol = setting.value;
    } else if (setting.name == "default_action") {
        filter.default_action = setting.value;
    } else {
        return format("unexpected parameter: {}", setting.name);
    }
    return {};
}

// "{ inet:host:port, name=value ... }" without its braces.
Result<FilterSettings> parse_group(FilterSettings filter, std::string_view group) {
    bool named = false;
    for (const auto& item : split_list(group)) {
        if (!named) {
            filter.name = item;
            named = true;
            continue;
        }
        const auto setting = parse_assignment(item);
        if (!setting) {
            return fail_with(setting);
        }
        if (const auto wrong = apply(filter, *setting); !wrong.empty()) {
            return fail(Errc::kSyntax, wrong);
        }
    }
    if (!named) {
        return fail(Errc::kSyntax, "empty entry");
    }
    return filter;
}

// "name=value", "{name}=value" or "{ name = value }".
Result<Assignment> parse_default(const std::string& item) {
    const auto name_length = item.starts_with('{') ? group_length(item) : 0;
    if (name_length > 0 && name_length < item.size() && item[name_length] == '=') {
        return Assignment{item.substr(0, name_length), item.substr(name_length + 1)};
    }
    return parse_assignment(item);
}

}  // namespace

std::string macro_key(std::string_view name) {
    return name.starts_with('{') ? std::string(name) : format("{{{}}}", name);
}

MacroSettings macro_settings(const Config& config) {
    MacroSettings settings;
    settings.names = {
        config.milter_connect_macros(),     config.milter_helo_macros(),
        config.milter_mail_macros(),        config.milter_rcpt_macros(),
        config.milter_data_macros(),        config.milter_end_of_header_macros(),
        config.milter_end_of_data_macros(), config.milter_unknown_command_macros(),
    };
    for (const auto& item : split_list(config.milter_macro_defaults())) {
        const auto setting = parse_default(item);
        if (!setting) {
            log_fatal("malformed milter_macro_defaults: {}: {}", setting.error().message, item);
        }
        settings.defaults[macro_key(setting->name)] = setting->value;
    }
    return settings;
}

Result<std::vector<FilterSettings>> parse_filters(const Config& config, std::string_view list) {
    const FilterSettings defaults{.name = {},
                                  .connect_timeout = config.milter_connect_timeout(),
                                  .command_timeout = config.milter_command_timeout(),
                                  .content_timeout = config.milter_content_timeout(),
                                  .protocol = config.milter_protocol(),
                                  .default_action = config.milter_default_action()};
    std::vector<FilterSettings> filters;
    for (const auto& item : split_list(list)) {
        if (!item.starts_with('{')) {
            filters.push_back(defaults);
            filters.back().name = item;
            continue;
        }
        const auto group = strip_braces(item);
        if (!group) {
            return fail_with(group);
        }
        auto filter = parse_group(defaults, *group);
        if (!filter) {
            return fail_with(filter);
        }
        filters.push_back(std::move(*filter));
    }
    return filters;
}

}  // namespace relais::milter
