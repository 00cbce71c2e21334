#include "tools/postfix/post_install.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "lib/base/format.h"
#include "lib/config/config.h"

#include "tools/postfix/control.h"
#include "tools/postfix/layout.h"
#include "tools/postfix/upgrade.h"

namespace relais::postfix_command {

namespace {

using Words = std::vector<std::string>;  // "post-install", then name=value

int make_missing(const Words& settings) {
    use_settings(settings);
    create_missing();
    return 0;
}

int upgrade(const Words& settings) {
    const int status = set_permissions(settings);
    return status == 0 ? upgrade_configuration(settings) : status;
}

int remind(const Words& /*settings*/) {
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
    int (*run)(const Words& settings);
};

constexpr std::array kSteps = {
    Step{"create-missing", make_missing},
    Step{"set-permissions", set_permissions},
    Step{"upgrade-permissions", set_permissions},
    Step{"upgrade-configuration", upgrade_configuration},
    Step{"upgrade-source", upgrade},
    Step{"upgrade-package", upgrade},
    Step{"first-install", remind},
    Step{"first-install-reminder", remind},
};

[[noreturn]] void usage() {
    std::string names;
    for (const Step& step : kSteps) {
        names += format(" {}", step.name);
    }
    refuse(format("usage: postfix post-install [name=value ...] command ...; commands:{}", names));
}

}  // namespace

int post_install(const std::vector<std::string>& words) {
    Words settings{words.front()};
    std::vector<const Step*> steps;
    for (auto word = words.begin() + 1; word != words.end(); ++word) {
        if (word->contains('=')) {
            settings.push_back(*word);
            continue;
        }
        const auto* step = std::ranges::find(kSteps, *word, &Step::name);
        if (step == kSteps.end()) {
            usage();
        }
        steps.push_back(step);
    }
    if (steps.empty()) {
        usage();
    }
    for (const Step* step : steps) {
        if (const int status = step->run(settings); status != 0) {
            return status;
        }
    }
    return 0;
}

}  // namespace relais::postfix_command
