#include "tools/postfix/post_install.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

#include "lib/base/format.h"
#include "lib/config/config.h"

#include "tools/postfix/control.h"
#include "tools/postfix/layout.h"
#include "tools/postfix/upgrade.h"

namespace relais::postfix_command {

namespace {

int make_missing() {
    create_missing();
    return 0;
}

int upgrade() {
    const int status = set_permissions();
    return status == 0 ? upgrade_configuration() : status;
}

int remind() {
    std::fputs(format("Before the first mail: set myorigin, mydestination and mynetworks in "
                      "{}/main.cf,\nsay in the file of alias_database who reads root's and "
                      "postmaster's mail, and run newaliases.\n",
                      conf().config_directory())
                   .c_str(),
               stdout);
    return 0;
}

struct Step {
    std::string_view name;
    std::string_view stem;  // what is enough of the name, whatever follows; empty: all of it
    int (*run)();

    bool is_meant_by(std::string_view word) const {
        return word == name || (!stem.empty() && word.starts_with(stem));
    }
};

constexpr std::array kSteps = {
    Step{"create-missing", "", make_missing},
    Step{"set-permissions", "set-perm", set_permissions},
    Step{"upgrade-permissions", "upgrade-perm", set_permissions},
    Step{"upgrade-configuration", "upgrade-conf", upgrade_configuration},
    Step{"upgrade-source", "", upgrade},
    Step{"upgrade-package", "", upgrade},
    Step{"first-install-reminder", "first-install", remind},
};

[[noreturn]] void usage() {
    std::string names;
    for (const Step& step : kSteps) {
        names += format(" {}", step.name);
    }
    refuse(format("usage: postfix post-install [name=value ...] command ...; commands:{}", names));
}

}  // namespace

int post_install(std::span<const std::string> words) {
    std::vector<std::string> settings;
    std::vector<const Step*> steps;
    for (const std::string& word : words) {
        if (word.contains('=')) {
            settings.push_back(word);
            continue;
        }
        const auto* step = std::ranges::find_if(
            kSteps, [&word](const Step& one) { return one.is_meant_by(word); });
        if (step == kSteps.end()) {
            usage();
        }
        steps.push_back(step);
    }
    if (steps.empty()) {
        usage();
    }
    use_settings(settings);
    for (const Step* step : steps) {
        if (const int status = step->run(); status != 0) {
            return status;
        }
    }
    return 0;
}

}  // namespace relais::postfix_command
