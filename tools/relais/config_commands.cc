#include "tools/relais/config_commands.h"

#include <cstdio>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
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

bool print_source(const std::string& name) {
    const auto* setting = conf().setting(name);
    if (is_from_file(setting)) {
        print(format("{}:{}: {} = {}", setting->file, setting->line, name, setting->value));
        return true;
    }
    auto value = conf().raw(name);
    if (!value) {
        log_warning("{}: unknown parameter", name);
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
    }
    for (const auto& name : names) {
        all_known = print_source(name) && all_known;
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
