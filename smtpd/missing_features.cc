#include "smtpd/missing_features.h"

#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais::smtpd {

// mk/implemented-parameters does not count this file: what is only refused is not implemented.
void refuse_missing_features() {
    for (const std::string_view name : {"smtpd_proxy_filter", "smtpd_upstream_proxy_protocol"}) {
        if (!conf().text_value(name).empty()) {
            log_fatal("parameter {}: not supported by this version", name);
        }
    }
    bool wants_milters = !conf().smtpd_milters().empty() || !conf().smtpd_milter_maps().empty();
    if (wants_milters && conf().milter_default_action() != "accept") {
        log_fatal(
            "parameter smtpd_milters: not supported by this version, and milter_default_action "
            "= {} does not let mail pass without them",
            conf().milter_default_action());
    }
}

}  // namespace relais::smtpd
