// Local addresses that are nobody: fallback_transport, luser_relay, and the last word.
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/deliver/deliver_pass.h"
#include "lib/mail/address.h"

#include "local/expansion.h"

namespace relais::local_agent {

Task<Disposition> Expansion::deliver_unknown(Branch branch) {
    Lookup found = agent_.fallback_transports.find(branch.user);
    if (found.is_error()) {
        DeliveryStatus status = DeliveryStatus::of(DsnCode(4, 3, 0), "table lookup failure");
        co_return co_await finish(&branch, std::move(status));
    }
    std::string destination =
        found.is_found() ? std::move(found).value() : conf().fallback_transport();
    if (!destination.empty()) {
        co_return co_await deliver_pass(&delivery_, std::move(destination), branch.rcpt);
    }
    if (!conf().luser_relay().empty()) {
        ExpandedText relay = expand_local(branch, "luser_relay", conf().luser_relay(), "");
        branch.unmatched.clear();
        co_return co_await deliver_address(std::move(branch), quote_address(relay.text));
    }
    // Names that every mail system has: their mail is not returned to anybody.
    if (iequals(branch.user, "MAILER-DAEMON") || iequals(branch.user, "postmaster")) {
        log_warning("required alias not found: {}", branch.user);
        DeliveryStatus status = DeliveryStatus::of(DsnCode(2, 0, 0), "discarded");
        co_return co_await finish(&branch, std::move(status));
    }
    DeliveryStatus status =
        DeliveryStatus::of(DsnCode(5, 1, 1), format("unknown user: \"{}\"", branch.user));
    co_return co_await finish(&branch, std::move(status));
}

}  // namespace relais::local_agent
