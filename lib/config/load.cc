#include "lib/config/load.h"

#include <utility>

#include "lib/base/durability.h"
#include "lib/base/known_ports.h"
#include "lib/base/log.h"
#include "lib/config/accounts.h"
#include "lib/config/interfaces.h"
#include "lib/config/parameters.h"
#include "lib/config/readers.h"
#include "lib/mail/hostname.h"

namespace relais {

namespace {

constexpr std::string_view kStrict = "strict";

// Asking for a value ends the process where it is none.
void require_values(const Config& config, std::string_view program) {
    for (const auto& name : config.names()) {
        auto index = find_parameter(name);
        if (index && refuses_bad_value(program, *index)) {
            static_cast<void>(config.find(name));
        }
    }
}

void require_hostname(const Config& config, std::string_view parameter) {
    std::string name = config.find(parameter).value_or("");
    auto checked = check_hostname(name);
    if (checked) {
        return;
    }
    constexpr std::string_view kPlace = " in hostname";
    std::string reason = checked.error().message;
    if (auto at = reason.find(kPlace); at != std::string::npos) {
        reason.erase(at, kPlace.size());
    }
    log_warning("valid_hostname: {}", reason);
    log_fatal("file {}/main.cf: parameter {}: bad parameter value: {}", config.config_directory(),
              parameter, name);
}

void require_usable(const Config& config, std::string_view program) {
    if (program == "postlogd") {
        return;  // somebody must write down what is wrong
    }
    require_hostname(config, "myhostname");
    require_hostname(config, "mydomain");
    require_values(config, program);
    static_cast<void>(config.level_below("0"));
    for (const std::string& problem : set_known_ports(config.known_tcp_ports())) {
        log_warning("known_tcp_ports: {}", problem);
    }
    if (config.durability() != kStrict && config.durability() != "journal") {
        log_fatal("bad value: durability = {}; it must be journal or strict", config.durability());
    }
    if (auto families = parse_inet_protocols(config.inet_protocols()); !families) {
        log_fatal("{}", families.error().message);
    }
}

}  // namespace

void load_conf(const ConfigOptions& options) {
    auto config = Config::load(options);
    if (!config) {
        log_fatal("{}", config.error().message);
    }
    set_conf(std::move(*config));
    set_durability(conf().durability() == kStrict ? Durability::kStrict : Durability::kJournal);
}

void load_conf_with_accounts(const ConfigOptions& options) {
    load_conf(options);
    if (auto problem = account_problem(conf())) {
        log_fatal("{}", *problem);
    }
}

void require_usable_conf(std::string_view program) {
    require_usable(conf(), program);
}

void load_usable_conf(const ConfigOptions& options) {
    load_conf(options);
    require_usable_conf(options.process_name);
}

void load_usable_conf_with_accounts(const ConfigOptions& options) {
    load_usable_conf(options);
    if (auto problem = account_problem(conf())) {
        log_fatal("{}", *problem);
    }
}

}  // namespace relais
