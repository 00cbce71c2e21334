// Settings that change a parameter which nothing in this release reads (the "implemented" column of
// conf/parameters.tsv): an administrator should hear of them once.  master logs them when it starts
// and when it reloads, for all services at once; relais(1) and `postfix check` show them.
#pragma once

#include <string>
#include <vector>

#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace relais {

struct SettingWithoutEffect {
    std::string name;
    std::string value;  // as it was written
    std::string place;  // "/etc/postfix/main.cf:12", "/etc/postfix/master.cf:20"
};

// Those of main.cf and those that `services` set with -o, sorted by name.  A setting that says no
// more than the default does is none of them.
[[nodiscard]] std::vector<SettingWithoutEffect> settings_without_effect(
    const Config& config, const std::vector<MasterService>& services);

// One warning for each parameter, with all places where it is set.
void warn_of_settings_without_effect(const Config& config,
                                     const std::vector<MasterService>& services);

}  // namespace relais
