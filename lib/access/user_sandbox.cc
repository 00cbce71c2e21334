#include "lib/access/user_sandbox.h"

#include "lib/config/config.h"

namespace relais {

void enter_user_sandbox() {
    if (conf().quota_warnings().empty()) {
        enter_sandbox(kUserSandbox);
    }
}

}  // namespace relais
