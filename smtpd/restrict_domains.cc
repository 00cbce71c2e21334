// Restrictions on names that DNS does not know: of HELO, and of the domains of addresses.
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/dns/host_lookup.h"
#include "lib/dns/resolver.h"
#include "lib/mail/address.h"
#include "lib/mail/hostname.h"
#include "lib/mail/idna.h"

#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// Whether a name has records of the kinds that mail is sent by: mail exchangers, or addresses.
// kTemporary only where none was found and one question got no answer.
enum class Asked { kMxFirst, kAddressesFirst };

Task<DnsStatus> find_mail_host(Resolver& dns, std::string name, Asked order) {
    std::array<DnsType, 3> types = {DnsType::kMx, DnsType::kA, DnsType::kAaaa};
    if (order == Asked::kAddressesFirst) {
        types = {DnsType::kA, DnsType::kAaaa, DnsType::kMx};
    }
    auto worst = DnsStatus::kNotFound;
    for (const auto type : types) {
        const auto answer = co_await dns.lookup(name, type);
        if (answer.found() || answer.status == DnsStatus::kNullMx) {
            co_return answer.status;
        }
        if (answer.filtered) {
            log_warning("{}: MX or address lookup error: DNS reply filter drops all results", name);
            co_return DnsStatus::kFound;
        }
        if (answer.status != DnsStatus::kNotFound && worst != DnsStatus::kTemporary) {
            worst = answer.status;
        }
        // An unanswered question for the mail exchangers leaves nothing to go on with.
        if (answer.status == DnsStatus::kTemporary && type == DnsType::kMx) {
            co_return answer.status;
        }
    }
    co_return worst;
}

std::string ascii_name(std::string_view name) {
    const auto converted = domain_to_ascii(name);
    return converted ? *converted : std::string(name);
}

struct DomainWords {
    std::string_view reply_class, dsn, null_mx_dsn, temporary_action;
    int null_mx_code;
};

constexpr DomainWords kSender = {"Sender address", "4.1.8", "5.7.27",
                                 "unknown_address_tempfail_action", 550};
constexpr DomainWords kRecipient = {"Recipient address", "4.1.2", "5.1.10",
                                    "unknown_address_tempfail_action", 556};

// Refuses an address that mail could not be sent to.
Task<Verdict> reject_unknown_domain(Check& check, std::string address, const DomainWords* words) {
    auto& session = check.session;
    const auto resolved = co_await session.site.addresses.resolve(check.sender(), address);
    if (!resolved || resolved->failed()) {
        co_return check.reject_lookup_failure(address);
    }
    const auto parts = split_address(resolved->recipient);
    if (resolved->is_final() || !parts.has_domain || parts.domain.starts_with('[')) {
        co_return Verdict::kDunno;
    }
    const auto status =
        co_await find_mail_host(*session.site.dns, ascii_name(parts.domain), Asked::kMxFirst);
    const auto prefix = format("<{}>: {} rejected: ", address, words->reply_class);
    switch (status) {
        case DnsStatus::kFound:
            co_return Verdict::kDunno;
        case DnsStatus::kNullMx:
            co_return check.reject(
                words->null_mx_code, words->null_mx_dsn,
                format("{}Domain {} does not accept mail (nullMX)", prefix, parts.domain));
        case DnsStatus::kTemporary:
            co_return check.reject_for_now(words->temporary_action, 450, words->dsn,
                                           prefix + "Domain not found");
        case DnsStatus::kMalformed:
            co_return check.reject(conf().unknown_address_reject_code(), words->dsn,
                                   prefix + "Malformed DNS server reply");
        case DnsStatus::kNotFound:
        case DnsStatus::kFailed:
            break;
    }
    co_return check.reject(conf().unknown_address_reject_code(), words->dsn,
                           prefix + "Domain not found");
}

}  // namespace

Task<Verdict> restrict_reject_unknown_sender_domain(Check& check, const RestrictionItem& /*item*/) {
    if (check.sender().empty()) {
        co_return Verdict::kDunno;
    }
    co_return co_await reject_unknown_domain(check, check.sender(), &kSender);
}

Task<Verdict> restrict_reject_unknown_recipient_domain(Check& check,
                                                       const RestrictionItem& /*item*/) {
    if (check.recipient.empty()) {
        co_return Verdict::kDunno;
    }
    co_return co_await reject_unknown_domain(check, check.recipient, &kRecipient);
}

// An old name.
Task<Verdict> restrict_reject_unknown_address(Check& check, const RestrictionItem& item) {
    co_return co_await restrict_reject_unknown_sender_domain(check, item);
}

Task<Verdict> restrict_reject_unknown_helo_hostname(Check& check, const RestrictionItem& item) {
    const auto& helo = check.session.helo;
    if (helo.empty()) {
        co_return Verdict::kDunno;
    }
    if (helo.starts_with('[')) {
        co_return co_await restrict_reject_invalid_helo_hostname(check, item);
    }
    const auto status =
        co_await find_mail_host(*check.session.site.dns, ascii_name(helo), Asked::kAddressesFirst);
    const auto prefix = format("<{}>: Helo command rejected: ", helo);
    switch (status) {
        case DnsStatus::kFound:
        case DnsStatus::kNullMx:  // there is such a name
            co_return Verdict::kDunno;
        case DnsStatus::kTemporary:
            co_return check.reject_for_now("unknown_helo_hostname_tempfail_action", 450, "4.7.1",
                                           prefix + "Host not found");
        default:
            break;
    }
    co_return check.reject(conf().unknown_hostname_reject_code(), "4.7.1",
                           prefix + "Host not found");
}

}  // namespace relais::smtpd
