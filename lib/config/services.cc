#include "lib/config/services.h"

#include "lib/base/file.h"

namespace relais {

Result<std::vector<MasterService>> load_services(const Config& config) {
    std::string path = config.config_directory() + "/master.cf";
    auto text = read_file(path);
    if (!text) {
        return fail_with(text);
    }
    MasterDefaults defaults{.chroot = config.level_below("1"),
                            .process_limit = config.default_process_limit()};
    return parse_master_cf(*text, defaults, path);
}

}  // namespace relais
