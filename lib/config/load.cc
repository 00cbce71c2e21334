#include "lib/config/load.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/config/accounts.h"

namespace relais {

void load_conf(const ConfigOptions& options) {
    auto config = Config::load(options);
    if (!config) {
        log_fatal("{}", config.error().message);
    }
    set_conf(std::move(*config));
}

void load_conf_with_accounts(const ConfigOptions& options) {
    load_conf(options);
    if (auto problem = account_problem(conf())) {
        log_fatal("{}", *problem);
    }
}

}  // namespace relais
