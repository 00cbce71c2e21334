// The services of an instance: master.cf and master.cf.d of a configuration's directory, with the
// defaults that its main.cf gives.  master runs them; postfix(1) and relais(1) look at them.
#pragma once

#include <vector>

#include "lib/base/result.h"
#include "lib/config/config.h"
#include "lib/config/master_cf.h"

namespace relais {

[[nodiscard]] Result<std::vector<MasterService>> load_services(const Config& config);

}  // namespace relais
