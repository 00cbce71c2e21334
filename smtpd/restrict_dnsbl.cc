// reject_rbl_client, reject_rhsbl_sender and their kin: what DNS-based lists say about the client
// and about the domains that it names.
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/dns/reversed_address.h"
#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/mail/hostname.h"
#include "lib/mail/idna.h"

#include "smtpd/access_result.h"
#include "smtpd/dnsbl.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/session_macros.h"
#include "smtpd/site.h"
#include "smtpd/status_in_role.h"

namespace relais::smtpd {
namespace {

constexpr std::size_t kMostAnswers = 100;

// An answer is asked for once in a session.
Task<DnsblAnswer> ask_once(Session& session, std::string query) {
    auto& known = session.checks.dnsbl_answers;
    if (const auto found = known.find(query); found != known.end()) {
        co_return found->second;
    }
    auto answer = co_await ask_dnsbl(*session.site.dns, query);
    if (known.size() >= kMostAnswers) {  // the client chooses the names
        known.clear();
    }
    known.emplace(std::move(query), answer);
    co_return answer;
}

struct Listing {
    const DnsblAnswer& answer;
    std::string domain;  // of the list
    Judged judged;       // "192.0.2.1", "Client host"
};

// The reply: the list's own template, or default_rbl_reply.
Task<Verdict> reject_listed(Check& check, Listing listing) {
    auto text = conf().default_rbl_reply();
    const auto own = co_await check.session.site.rbl_replies.lookup(listing.domain);
    if (own.is_error()) {
        co_return check.reject_lookup_failure(listing.domain);
    }
    if (own.is_found()) {
        text = own.value();
    }
    const auto code = std::to_string(conf().maps_rbl_reject_code());
    const auto more = [&](std::string_view name) -> std::optional<std::string> {
        if (name == "rbl_code") {
            return code;
        }
        if (name == "rbl_domain") {
            return listing.domain;
        }
        if (name == "rbl_reason" || name == "rbl_txt") {
            return listing.answer.text;
        }
        if (name == "rbl_what") {
            return listing.judged.name;
        }
        if (name == "rbl_class") {
            return std::string(listing.judged.reply_class);
        }
        return std::nullopt;
    };
    auto expanded = expand_session_text(check.session, text, more);
    if (!expanded) {
        log_warning("rbl_reject_reply: bad rbl reply template for domain {}: {}", listing.domain,
                    text);
        expanded = expand_session_text(check.session, conf().default_rbl_reply(), more);
    }
    const std::string_view whole = expanded ? trim(*expanded) : std::string_view();
    const auto number = parse_uint(whole.substr(0, 3));
    if (!number || *number < 400 || *number > 599) {
        log_warning("rbl response code configuration error: {}", whole);
        co_return check.reject(450, "4.7.1", "Service unavailable");
    }
    const int reply_code = static_cast<int>(*number);
    const auto split =
        split_dsn(trim(whole.substr(3)), *DsnCode::parse(reply_code < 500 ? "4.7.1" : "5.7.1"));
    const auto status = status_in_role(split.code, listing.judged.reply_class);
    co_return check.reject(reply_code, status.to_string(), split.text);
}

// The list that the restriction names; null, and logged, where that is none.
const DnsblSite* site_of(const RestrictionItem& item) {
    if (!*item.dnsbl) {
        log_warning("RBL reply error: {}", item.dnsbl->error().message);
        return nullptr;
    }
    return &**item.dnsbl;
}

Task<Verdict> reject_if_listed(Check& check, const RestrictionItem& item, std::string query,
                               Judged judged) {
    const auto* site = site_of(item);
    if (site == nullptr) {
        co_return check.reject_configuration();
    }
    if (query.empty()) {
        co_return Verdict::kDunno;
    }
    const auto answer = co_await ask_once(check.session, query + "." + site->domain);
    if (!answer.counts(*site)) {
        co_return Verdict::kDunno;
    }
    co_return co_await reject_listed(check, {answer, site->domain, std::move(judged)});
}

// Only a name can be asked for.
std::string domain_query(std::string_view name) {
    const auto ascii = domain_to_ascii(name);
    return ascii && is_hostname(*ascii) && !is_ip_address(*ascii) ? *ascii : "";
}

std::string domain_query_of_address(std::string_view address) {
    return domain_query(split_address(address).domain);
}

// Lists of the good: who is on it passes; what is not known must not be refused for good.
Task<Verdict> permit_if_listed(Check& check, const RestrictionItem& item, std::string query,
                               Judged judged) {
    // A list must not make this machine a relay.
    const auto ours = co_await restrict_permit_auth_destination(check, item);
    if (query.empty() || ours != Verdict::kPermit) {
        co_return ours == Verdict::kReject ? ours : Verdict::kDunno;
    }
    const auto* site = site_of(item);
    if (site == nullptr) {
        co_return check.reject_configuration();
    }
    const auto answer = co_await ask_once(check.session, query + "." + site->domain);
    if (answer.state == DnsblAnswer::State::kUnknown) {
        check.defer_if_reject(
            450, "4.7.1",
            format("<{}>: {} rejected: Service unavailable", judged.name, judged.reply_class));
    }
    co_return answer.counts(*site) ? Verdict::kPermit : Verdict::kDunno;
}

}  // namespace

Task<Verdict> restrict_reject_rbl_client(Check& check, const RestrictionItem& item) {
    const auto& address = check.session.client.address;
    co_return co_await reject_if_listed(check, item, reversed_address(address),
                                        {address, "Client host"});
}

// The old form: the lists of maps_rbl_domains.
Task<Verdict> restrict_reject_maps_rbl(Check& check, const RestrictionItem& item) {
    log_warning(
        "support for restriction \"{}\" will be removed from Postfix; use \"reject_rbl_client "
        "domain-name\" instead",
        item.name);
    for (const auto domain : split_words(conf().maps_rbl_domains(), ", \t\r\n")) {
        RestrictionItem one;
        one.dnsbl = DnsblSite::parse(domain);
        const auto verdict = co_await restrict_reject_rbl_client(check, one);
        if (verdict != Verdict::kDunno) {
            co_return verdict;
        }
    }
    co_return Verdict::kDunno;
}

Task<Verdict> restrict_reject_rhsbl_client(Check& check, const RestrictionItem& item) {
    const auto& name = check.session.client.name;
    co_return co_await reject_if_listed(check, item, name == "unknown" ? "" : domain_query(name),
                                        {name, "Client host"});
}

Task<Verdict> restrict_reject_rhsbl_reverse_client(Check& check, const RestrictionItem& item) {
    const auto& name = check.session.client.reverse_name;
    co_return co_await reject_if_listed(check, item, name == "unknown" ? "" : domain_query(name),
                                        {name, "Unverified Client host"});
}

Task<Verdict> restrict_reject_rhsbl_helo(Check& check, const RestrictionItem& item) {
    const auto& helo = check.session.helo;
    co_return co_await reject_if_listed(check, item, domain_query(helo), {helo, "Helo command"});
}

Task<Verdict> restrict_reject_rhsbl_sender(Check& check, const RestrictionItem& item) {
    const auto& sender = check.sender();
    co_return co_await reject_if_listed(check, item, domain_query_of_address(sender),
                                        {sender, "Sender address"});
}

Task<Verdict> restrict_reject_rhsbl_recipient(Check& check, const RestrictionItem& item) {
    co_return co_await reject_if_listed(check, item, domain_query_of_address(check.recipient),
                                        {check.recipient, "Recipient address"});
}

Task<Verdict> restrict_permit_dnswl_client(Check& check, const RestrictionItem& item) {
    const auto& address = check.session.client.address;
    co_return co_await permit_if_listed(check, item, reversed_address(address),
                                        {address, "Client host"});
}

Task<Verdict> restrict_permit_rhswl_client(Check& check, const RestrictionItem& item) {
    const auto& name = check.session.client.name;
    co_return co_await permit_if_listed(check, item, name == "unknown" ? "" : domain_query(name),
                                        {name, "Client host"});
}

}  // namespace relais::smtpd
