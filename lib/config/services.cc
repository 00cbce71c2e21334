#include "lib/config/services.h"

namespace relais {

Result<std::vector<MasterService>> load_services(const Config& config) {
    MasterDefaults defaults{.chroot = config.level_below("1"),
                            .process_limit = config.default_process_limit()};
    return read_master_cf(config.config_directory(), defaults);
}

}  // namespace relais
