// postmulti -e: the life of an instance, from create or import to deport or destroy.
#pragma once

#include "tools/postmulti/instance.h"
#include "tools/postmulti/options.h"

namespace relais::postmulti {

// Ends the program where the action is impossible.
[[nodiscard]] int edit_instances(const Options& options, Suite suite);

}  // namespace relais::postmulti
