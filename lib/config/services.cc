#include "lib/config/services.h"

#include "lib/config/old_default.h"

namespace relais {

Result<std::vector<MasterService>> load_services(const Config& config) {
    MasterDefaults defaults{.chroot = in_force(OldDefault::kChroot, config),
                            .process_limit = config.default_process_limit()};
    return read_master_cf(config.config_directory(), defaults);
}

}  // namespace relais
