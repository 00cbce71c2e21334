#include "lib/config/environment.h"

#include <cstdlib>

#include "lib/base/log.h"
#include "lib/config/values.h"

namespace relais {

std::vector<std::string> listed_environment(std::string_view parameter, std::string_view list) {
    std::vector<std::string> variables;
    for (const std::string& item : split_list(list)) {
        if (!item.contains('=')) {
            if (const char* value = std::getenv(item.c_str())) {
                variables.push_back(item + "=" + value);
            }
            continue;
        }
        auto setting = parse_assignment(item);
        if (!setting) {
            log_fatal("{}: {}", parameter, setting.error().message);
        }
        variables.push_back(setting->name + "=" + setting->value);
    }
    return variables;
}

}  // namespace relais
