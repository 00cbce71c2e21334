#include "tools/postfix/non_bdb.h"

#include <algorithm>
#include <cstdio>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/services.h"
#include "lib/config/values.h"

#include "tools/postfix/control.h"

namespace relais::postfix_command {

namespace {

constexpr std::string_view kUsage = "disable, enable-redirect, enable-reindex or status";

void postconf(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), conf().command_directory() + "/postconf");
    if (run_and_wait(arguments) != 0) {
        refuse("cannot change the configuration in " + conf().config_directory());
    }
}

bool is_bdb(std::string_view type) {
    return type == "hash" || type == "btree";
}

// Tables would be redirected to where they come from.
void require_other_defaults(const std::string& level) {
    const std::pair<std::string_view, const std::string*> defaults[] = {
        {"default_database_type", &conf().default_database_type()},
        {"default_cache_db_type", &conf().default_cache_db_type()},
    };
    for (const auto& [name, type] : defaults) {
        if (is_bdb(*type)) {
            refuse(format("cannot {} while {} is {}: set it to a type such as lmdb first", level,
                          name, *type));
        }
    }
}

void set_level(const std::string& level) {
    if (conf().non_bdb_migration_level() != level) {
        postconf({"non_bdb_migration_level = " + level});
    }
}

void forget_level() {
    if (conf().non_bdb_migration_level() != "disable") {
        postconf({"-X", "non_bdb_migration_level"});
    }
}

void remove_service() {
    auto services = load_services(conf());
    if (!services) {
        refuse(services.error().message);
    }
    const std::string& name = conf().non_bdb_migration_service_name();
    if (std::ranges::any_of(*services, [&](const auto& each) { return each.name == name; })) {
        postconf({"-MX", name + "/unix"});
    }
}

void add_service() {
    const std::string& name = conf().non_bdb_migration_service_name();
    postconf({"-M", format("{0}/unix={0} unix - n n - 1 nbdb_reindexd", name)});
}

// What commands look up in, which may not ask the service for tables.
void build_tables_of_commands() {
    std::vector<std::string> built;
    for (const std::string* value :
         {&conf().authorized_flush_users(), &conf().authorized_mailq_users(),
          &conf().authorized_submit_users(), &conf().local_login_sender_maps()}) {
        for (const std::string& item : split_list(*value)) {
            bool asked = item.starts_with("hash:/") || item.starts_with("btree:/");
            if (asked && std::ranges::find(built, item) == built.end()) {
                built.push_back(item);
                run_and_wait({conf().daemon_directory() + "/nbdb_reindexd", "-S", item});
            }
        }
    }
}

}  // namespace

int manage_non_bdb(const std::vector<std::string>& words) {
    const std::string& action = words.size() == 2 ? words.back() : words.front();
    if (action == "status") {
        std::printf("%s\n", conf().non_bdb_migration_level().c_str());
    } else if (action == "disable") {
        forget_level();
        remove_service();
    } else if (action == "enable-redirect") {
        require_other_defaults(action);
        set_level(action);
        remove_service();
    } else if (action == "enable-reindex") {
        require_other_defaults(action);
        set_level(action);
        add_service();
        build_tables_of_commands();
    } else {
        refuse(format("usage: postfix non-bdb subcommand, which is {}", kUsage));
    }
    return 0;
}

}  // namespace relais::postfix_command
