#include "tools/postfix/upgrade.h"

#include <algorithm>
#include <array>

#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/services.h"

#include "tools/postfix/control.h"
#include "tools/postfix/layout.h"

namespace relais::postfix_command {

namespace {

struct NeededService {
    std::string_view name;
    std::string_view line;
};

// Every service that the suite itself talks to.
constexpr std::array kNeeded = {
    NeededService{"tlsmgr", "tlsmgr    unix  -       -       n       1000?   1       tlsmgr"},
    NeededService{"bounce", "bounce    unix  -       -       n       -       0       bounce"},
    NeededService{"defer", "defer     unix  -       -       n       -       0       bounce"},
    NeededService{"trace", "trace     unix  -       -       n       -       0       bounce"},
    NeededService{"verify", "verify    unix  -       -       n       -       1       verify"},
    NeededService{"flush", "flush     unix  n       -       n       1000?   0       flush"},
    NeededService{"proxymap", "proxymap  unix  -       -       n       -       -       proxymap"},
    NeededService{"proxywrite", "proxywrite unix -       -       n       -       1       proxymap"},
    NeededService{"relay", "relay     unix  -       -       n       -       -       smtp"},
    NeededService{"retry", "retry     unix  -       -       n       -       -       error"},
    NeededService{"discard", "discard   unix  -       -       n       -       -       discard"},
    NeededService{"anvil", "anvil     unix  -       -       n       -       1       anvil"},
    NeededService{"scache", "scache    unix  -       -       n       -       1       scache"},
    NeededService{"postlog", "postlog   unix-dgram n  -       n       -       1       postlogd"},
};

}  // namespace

int upgrade_configuration() {
    std::string path = conf().config_directory() + "/master.cf";
    auto text = read_file(path);
    if (!text) {
        refuse(text.error().message);
    }
    auto services = load_services(conf());
    if (!services) {
        refuse(services.error().message);
    }
    std::string upgraded = *text;
    if (!upgraded.empty() && !upgraded.ends_with('\n')) {
        upgraded += '\n';
    }
    for (const auto& needed : kNeeded) {
        bool known = std::ranges::any_of(
            *services, [&](const MasterService& service) { return service.name == needed.name; });
        if (!known) {
            log_info("editing {}, adding missing entry for {} service", path, needed.name);
            (upgraded += needed.line) += '\n';
        }
    }
    struct stat info{};
    if (upgraded != *text && ::stat(path.c_str(), &info) == 0) {
        if (auto replaced = replace_file(path, upgraded, info.st_mode & 07777); !replaced) {
            refuse(replaced.error().message);
        }
    }
    create_missing();
    return 0;
}

}  // namespace relais::postfix_command
