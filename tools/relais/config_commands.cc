#include "tools/relais/config_commands.h"

#include <cstdio>
#include <optional>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/main_cf.h"
#include "lib/config/services.h"
#include "lib/config/without_effect.h"

namespace relais {

namespace {

void print(const std::string& line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
}

bool is_from_file(const Config::Setting* setting) {
    return setting != nullptr && setting->line > 0;
}

// The settings of services (-o) in master.cf and master.cf.d; those of one name, where it is given.
// True when there is any.
bool print_services(const std::optional<std::string>& name) {
    auto services = load_services(conf());
    if (!services) {
        log_warning("{}", services.error().message);
        return false;
    }
    bool any = false;
    for (const auto& service : *services) {
        for (const auto& setting : parameter_settings(service.arguments)) {
            auto pair = split_name_value(setting);
            if (pair && (!name || pair->name == *name)) {
                print(format("{}:{}: {}/{}/{} = {}", service.file, service.line, service.name,
                             service_type_name(service.type), pair->name, pair->value));
                any = true;
            }
        }
    }
    return any;
}

bool print_source(const std::string& name) {
    const auto* setting = conf().setting(name);
    if (is_from_file(setting)) {
        print(format("{}:{}: {} = {}", setting->file, setting->line, name, setting->value));
        return true;
    }
    auto value = conf().raw(name);
    if (!value) {
        return false;
    }
    print(format("default: {} = {}", name, *value));
    return true;
}

}  // namespace

int config_sources(const std::vector<std::string>& names) {
    bool all_known = true;
    if (names.empty()) {
        for (const auto& name : conf().names()) {
            if (is_from_file(conf().setting(name))) {
                print_source(name);
            }
        }
        print_services({});
    }
    for (const auto& name : names) {
        bool in_main = print_source(name);
        if (!print_services(name) && !in_main) {
            log_warning("{}: unknown parameter", name);
            all_known = false;
        }
    }
    return all_known ? 0 : 1;
}

int config_unimplemented() {
    for (std::size_t i = 0; i < parameter_count(); ++i) {
        if (auto info = parameter_at(i); !info.implemented) {
            print(std::string(info.name));
        }
    }
    return 0;
}

int config_unimplemented_set() {
    auto services = load_services(conf());
    if (!services) {
        log_warning("{}", services.error().message);
        services = std::vector<MasterService>();
    }
    auto settings = settings_without_effect(conf(), *services);
    for (const auto& setting : settings) {
        print(format("{}: {} = {}", setting.place, setting.name, setting.value));
    }
    return settings.empty() ? 0 : 1;
}

}  // namespace relais
