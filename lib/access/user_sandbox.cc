#include "lib/access/user_sandbox.h"

#include "lib/config/config.h"

namespace relais {

// Where his mail is, and what he has linked to it, only his ids bound.
static constexpr SandboxTable kUserSandbox = {
    .files = {{Access::kChange, "/"}},
    .calls = {ExtraCalls::kWatches},
};

void enter_user_sandbox(Reach reach) {
    if (conf().quota_warnings().empty()) {
        SandboxTable table = kUserSandbox;
        table.reach = reach;
        enter_sandbox(table);
    }
}

}  // namespace relais
