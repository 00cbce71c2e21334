// Restrictions on users that do not exist: addresses of this system's domains that no table lists.
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/mail/address.h"
#include "lib/mail/dsn.h"
#include "lib/rules/address_lookup.h"

#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"
#include "smtpd/status_in_role.h"

namespace relais::smtpd {
namespace {

enum class Role { kSender, kRecipient };

struct Subject {
    std::string address;
    Role role;

    std::string_view reply_class() const {
        return role == Role::kSender ? "Sender address" : "Recipient address";
    }

    std::string_view dsn() const { return role == Role::kSender ? "5.1.0" : "5.1.1"; }
};

enum class Listed { kYes, kNo, kUnknown, kMisconfigured };

Task<Listed> is_listed(const Site& site, const TableSet& tables, std::string address) {
    if (tables.empty()) {
        co_return Listed::kNo;
    }
    const AddressLookup lookup(&tables, &site.local_domains);
    const auto match = co_await lookup.lookup(std::move(address));
    if (match.lookup.is_error()) {
        const bool is_lasting = match.lookup.state() == Lookup::State::kConfig;
        co_return is_lasting ? Listed::kMisconfigured : Listed::kUnknown;
    }
    co_return match.lookup.is_found() ? Listed::kYes : Listed::kNo;
}

// Addresses that are rewritten to others on the way are taken on trust.
Task<Listed> is_rewritten(const Site& site, const std::string& address, Role role) {
    const auto& tables = site.tables;
    // A sender may be the recipient of the answer.
    const std::array<const TableSet*, 4> maps = {
        &tables.recipient_canonical, role == Role::kSender ? &tables.sender_canonical : nullptr,
        &tables.canonical, &tables.virtual_alias};
    for (const auto* map : maps) {
        if (map == nullptr) {
            continue;
        }
        const auto listed = co_await is_listed(site, *map, address);
        if (listed != Listed::kNo) {
            co_return listed;
        }
    }
    co_return Listed::kNo;
}

// Local names that exist without being in a table.
bool is_system_name(std::string_view address) {
    const auto parts = split_address(address);
    return parts.has_domain &&
           (iequals(parts.local, conf().double_bounce_sender()) ||
            iequals(parts.local, "postmaster") || iequals(parts.local, "MAILER-DAEMON"));
}

// The table that must list an address of this class, and how it is refused.
struct ListRule {
    const TableSet* tables = nullptr;  // null: nothing lists it
    int code = 0;
    std::string_view table_name;
};

// Nothing where the class has no list of users.
std::optional<ListRule> rule_for(const Site& site, const Resolved& resolved) {
    switch (resolved.address_class()) {
        case kResolveLocal:
            if (site.tables.local.empty() || is_system_name(resolved.recipient)) {
                return std::nullopt;
            }
            return ListRule{&site.tables.local, conf().unknown_local_recipient_reject_code(),
                            " in local recipient table"};
        case kResolveVirtualAlias:
            if (iequals(split_address(resolved.recipient).local, conf().double_bounce_sender())) {
                return std::nullopt;
            }
            return ListRule{nullptr, conf().unknown_virtual_alias_reject_code(),
                            " in virtual alias table"};
        case kResolveVirtualMailbox:
            if (site.tables.virtual_mailbox.empty()) {
                return std::nullopt;
            }
            return ListRule{&site.tables.virtual_mailbox,
                            conf().unknown_virtual_mailbox_reject_code(),
                            " in virtual mailbox table"};
        case kResolveRelay:
            if (site.tables.relay.empty()) {
                return std::nullopt;
            }
            return ListRule{&site.tables.relay, conf().unknown_relay_recipient_reject_code(),
                            " in relay recipient table"};
        default:
            return std::nullopt;
    }
}

bool is_refused_by_transport(const Resolved& resolved) {
    return resolved.transport == "error" || resolved.transport == "retry";
}

// An address that has moved, or that the transport map or its class sends to the error transport,
// or later, with retry, with the text given there.  The transport decides which of both it is,
// whatever class the status in the text has.
Verdict reject_by_transport(Check& check, const Subject& subject, const Resolved& resolved) {
    const auto own = split_dsn(resolved.nexthop, *DsnCode::parse(subject.dsn()));
    int code = resolved.transport == "retry" ? 450 : 550;
    if (code == 550 && resolved.address_class() == kResolveVirtualAlias) {
        code = conf().unknown_virtual_alias_reject_code();
    }
    return check.reject(
        code, status_in_role(own.code, subject.reply_class()).to_string(),
        format("<{}>: {} rejected: {}", subject.address, subject.reply_class(), own.text));
}

// Where it cannot be known whether an address is listed.
Verdict reject_unknown(Check& check, const Subject& subject, Listed listed) {
    return listed == Listed::kMisconfigured ? check.reject_configuration()
                                            : check.reject_lookup_failure(subject.address);
}

bool is_answer(Listed listed) {
    return listed == Listed::kYes || listed == Listed::kNo;
}

Task<Verdict> reject_unlisted(Check& check, const Subject& subject) {
    auto& session = check.session;
    if (session.verbosity > 0) {
        log_info(">>> CHECKING {} VALIDATION MAPS <<<", subject.reply_class());
    }
    const auto& site = session.site;
    const auto resolved = co_await session.site.addresses.resolve(
        subject.role == Role::kSender ? "" : session.mail.sender.value_or(""), subject.address);
    if (!resolved || resolved->failed()) {
        co_return check.reject_lookup_failure(subject.address);
    }
    const auto rewritten = co_await is_rewritten(site, resolved->recipient, subject.role);
    if (!is_answer(rewritten)) {
        co_return reject_unknown(check, subject, rewritten);
    }
    if (rewritten == Listed::kYes) {
        co_return Verdict::kDunno;
    }
    if (is_refused_by_transport(*resolved)) {
        co_return reject_by_transport(check, subject, *resolved);
    }
    if (const auto rule = rule_for(site, *resolved)) {
        auto listed = Listed::kNo;
        if (rule->tables != nullptr) {
            listed = co_await is_listed(site, *rule->tables, resolved->recipient);
        }
        if (!is_answer(listed)) {
            co_return reject_unknown(check, subject, listed);
        }
        if (listed == Listed::kNo) {
            co_return check.reject(
                rule->code, subject.dsn(),
                format("<{}>: {} rejected: User unknown{}", subject.address, subject.reply_class(),
                       conf().show_user_unknown_table_name() ? rule->table_name : ""));
        }
    }
    if (resolved->address_class() == kResolveRelay && in_force(OldDefault::kRelayDomains)) {
        log_old_default(OldDefault::kRelayDomains,
                        format("to accept mail for address \"{}\"", subject.address));
    }
    co_return Verdict::kDunno;
}

}  // namespace

Task<Verdict> restrict_reject_unlisted_recipient(Check& check, const RestrictionItem& /*item*/) {
    if (check.recipient.empty() || check.session.checks.recipient_listed_checked) {
        co_return Verdict::kDunno;
    }
    check.session.checks.recipient_listed_checked = !check.warn_only;
    const Subject subject{check.recipient, Role::kRecipient};
    co_return co_await reject_unlisted(check, subject);
}

Task<Verdict> restrict_reject_unlisted_sender(Check& check, const RestrictionItem& /*item*/) {
    const auto& sender = check.sender();
    if (sender.empty() || check.session.checks.sender_listed_checked) {
        co_return Verdict::kDunno;
    }
    const Subject subject{sender, Role::kSender};
    const auto verdict = co_await reject_unlisted(check, subject);
    // A sender that was refused for one recipient is no better for the next.
    check.session.checks.sender_listed_checked = !check.warn_only && verdict != Verdict::kReject;
    co_return verdict;
}

}  // namespace relais::smtpd
