#include "master/environment.h"

#include "lib/config/command.h"
#include "lib/config/config.h"

namespace relais::master {

static void set(std::vector<std::string>& environment, std::string_view name,
                std::string_view value) {
    std::string prefix = std::string(name) + "=";
    std::erase_if(environment, [&](const std::string& item) { return item.starts_with(prefix); });
    environment.push_back(prefix + std::string(value));
}

std::vector<std::string> child_environment() {
    std::vector<std::string> out;
    for (const std::string& variable : imported_environment()) {
        const auto name = variable.find('=');
        set(out, variable.substr(0, name), variable.substr(name + 1));
    }
    set(out, "MAIL_CONFIG", conf().config_directory());
    set(out, "MAIL_LOGTAG", conf().syslog_name());
    if (!conf().maillog_file().empty()) {
        set(out, "POSTLOG_SERVICE",
            conf().queue_directory() + "/public/" + conf().postlog_service_name());
        set(out, "POSTLOG_HOSTNAME", conf().myhostname());
    }
    return out;
}

}  // namespace relais::master
