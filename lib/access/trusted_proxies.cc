#include "lib/access/trusted_proxies.h"

#include "lib/config/config.h"

namespace relais {

TrustedProxies::TrustedProxies()
    : networks_("login_trusted_networks", conf().login_trusted_networks(),
                MatchList::Kind::kNetwork, parent_style("login_trusted_networks")) {
}

Task<bool> TrustedProxies::include(std::string address) const {
    if (address.empty() || networks_.empty()) {
        co_return false;
    }
    Match match = co_await networks_.match("unknown", address);
    co_return match == Match::kYes;
}

}  // namespace relais
