#include "lib/rules/local_domains.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/interfaces.h"
#include "lib/mail/hostname.h"
#include "lib/maps/network.h"

namespace relais {

LocalDomains::LocalDomains()
    : mydestination_("mydestination", conf().mydestination(), MatchList::Kind::kString) {
    for (const InterfaceAddress& address : conf().own_addresses()) {
        own_.push_back(address.bytes);
    }
    auto families = parse_inet_protocols(conf().inet_protocols());
    if (conf().proxy_interfaces().empty() || !families) {
        return;
    }
    auto proxies = resolve_interfaces(conf().proxy_interfaces(), *families);
    if (!proxies) {
        log_warning("proxy_interfaces: {}", proxies.error().message);
        return;
    }
    for (const InterfaceAddress& address : *proxies) {
        own_.push_back(address.bytes);
    }
}

Task<Match> LocalDomains::search(std::string domain, Waiting waiting) const {
    // One dot at the end names the same domain; two are somebody's mistake, and match nothing.
    if (domain.size() > 1 && domain.ends_with('.') && !domain.ends_with("..")) {
        domain.pop_back();
    }
    Match listed = Match::kNo;
    if (waiting == Waiting::kSuspend) {
        listed = co_await mydestination_.match(domain);
    } else {
        listed = mydestination_.matches(domain);
    }
    if (listed == Match::kNo && is_own_literal(domain)) {
        co_return Match::kYes;
    }
    co_return listed;
}

bool LocalDomains::is_own_literal(std::string_view domain) const {
    if (!domain.starts_with('[') || !domain.ends_with(']')) {
        return false;
    }
    std::string_view inside = domain.substr(1, domain.size() - 2);
    if (inside.contains(':') && !istarts_with(inside, "IPv6:")) {
        return false;  // RFC 5321 4.1.3
    }
    auto bytes = address_bytes(literal_address(inside));
    return bytes && std::ranges::find(own_, *bytes) != own_.end();
}

}  // namespace relais
