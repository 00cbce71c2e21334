// Restrictions on the form of names and addresses that the client gives, and on its own name.
#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/mail/hostname.h"

#include "smtpd/restrict.h"
#include "smtpd/session.h"

namespace relais::smtpd {
namespace {

// A host name with more than one label, or an address literal.
bool is_qualified(std::string_view name) {
    if (name.starts_with('[')) {
        return is_address_literal(name);
    }
    return is_hostname(name) && name.find('.') != std::string_view::npos;
}

Verdict reject_unqualified(Check& check, std::string_view address, std::string_view reply_class) {
    const auto parts = split_address(address);
    if (address.empty() || (parts.has_domain && is_qualified(parts.domain))) {
        return Verdict::kDunno;
    }
    return check.reject(
        conf().non_fqdn_reject_code(), "5.5.2",
        format("<{}>: {} rejected: need fully-qualified address", address, reply_class));
}

// A name that could not be found out may be there the next time.
int client_code(int name_code) {
    return name_code == 4 ? 450 : conf().unknown_client_reject_code();
}

}  // namespace

Task<Verdict> restrict_reject_non_fqdn_sender(Check& check, const RestrictionItem& /*item*/) {
    co_return reject_unqualified(check, check.sender(), "Sender address");
}

Task<Verdict> restrict_reject_non_fqdn_recipient(Check& check, const RestrictionItem& /*item*/) {
    co_return reject_unqualified(check, check.recipient, "Recipient address");
}

Task<Verdict> restrict_reject_invalid_helo_hostname(Check& check, const RestrictionItem& /*item*/) {
    const auto& helo = check.session.helo;
    if (helo.empty() || is_address_literal(helo) || is_ip_address(helo) || is_hostname(helo)) {
        co_return Verdict::kDunno;
    }
    co_return check.reject(conf().invalid_hostname_reject_code(), "5.5.2",
                           format("<{}>: Helo command rejected: {}", helo,
                                  helo.starts_with('[') ? "invalid ip address" : "Invalid name"));
}

Task<Verdict> restrict_reject_non_fqdn_helo_hostname(Check& check, const RestrictionItem& item) {
    const auto& helo = check.session.helo;
    if (helo.starts_with('[')) {
        co_return co_await restrict_reject_invalid_helo_hostname(check, item);
    }
    if (helo.empty() || is_qualified(helo)) {
        co_return Verdict::kDunno;
    }
    co_return check.reject(
        conf().non_fqdn_reject_code(), "5.5.2",
        format("<{}>: Helo command rejected: need fully-qualified hostname", helo));
}

Task<Verdict> restrict_reject_unknown_client_hostname(Check& check,
                                                      const RestrictionItem& /*item*/) {
    const auto& client = check.session.client;
    if (client.name != "unknown") {
        co_return Verdict::kDunno;
    }
    co_return check.reject(
        client_code(client.name_code), "4.7.25",
        format("Client host rejected: cannot find your hostname, [{}]", client.address));
}

Task<Verdict> restrict_reject_unknown_reverse_client_hostname(Check& check,
                                                              const RestrictionItem& /*item*/) {
    const auto& client = check.session.client;
    if (client.reverse_name != "unknown") {
        co_return Verdict::kDunno;
    }
    co_return check.reject(
        client_code(client.reverse_name_code), "4.7.1",
        format("Client host rejected: cannot find your reverse hostname, [{}]", client.address));
}

}  // namespace relais::smtpd
