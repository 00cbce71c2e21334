#include "lib/config/without_effect.h"

#include <algorithm>
#include <tuple>

#include "lib/base/log.h"
#include "lib/config/values.h"

namespace relais {

namespace {

bool has_no_effect(const Config& config, std::string_view name, std::string_view value) {
    auto index = find_parameter(name);
    return index && !parameter_at(*index).implemented && !config.is_default(*index, value);
}

}  // namespace

std::vector<SettingWithoutEffect> settings_without_effect(
    const Config& config, const std::vector<MasterService>& services) {
    std::vector<SettingWithoutEffect> found;
    for (const auto& name : config.names()) {
        const auto* set = config.setting(name);
        if (set->line > 0 && has_no_effect(config, name, set->value)) {
            found.push_back({name, set->value, format("{}:{}", set->file, set->line)});
        }
    }
    for (const auto& service : services) {
        for (const auto& text : parameter_settings(service.arguments)) {
            auto setting = parse_assignment(text);
            if (setting && has_no_effect(config, setting->name, setting->value)) {
                found.push_back({std::move(setting->name), std::move(setting->value),
                                 format("{}:{}", service.file, service.line)});
            }
        }
    }
    std::ranges::sort(found, [](const auto& a, const auto& b) {
        return std::tie(a.name, a.place) < std::tie(b.name, b.place);
    });
    return found;
}

void warn_of_settings_without_effect(const Config& config,
                                     const std::vector<MasterService>& services) {
    auto settings = settings_without_effect(config, services);
    for (std::size_t i = 0; i < settings.size();) {
        const auto& name = settings[i].name;
        std::string places = settings[i].place;
        for (++i; i < settings.size() && settings[i].name == name; ++i) {
            places += ", " + settings[i].place;
        }
        log_warning("{}: parameter {} is not implemented yet: the setting has no effect", places,
                    name);
    }
}

}  // namespace relais
