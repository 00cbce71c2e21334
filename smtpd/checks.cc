// When which restrictions are asked: see the header.
#include "smtpd/checks.h"

#include <sys/statvfs.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"

#include "smtpd/queue_space.h"
#include "smtpd/restrict.h"
#include "smtpd/restrictions.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// What the last list says: a reject, or a deferral that waited for the end.
std::string outcome_of(Check& check, Verdict verdict) {
    auto& pending = check.session.checks.defer_if_permit;
    if (verdict != Verdict::kReject && pending) {
        check.reply = *std::exchange(pending, std::nullopt);
        check.session.log_event("reject", check.reply);
        return check.reply;
    }
    return verdict == Verdict::kReject ? check.reply : std::string();
}

// Begins a check with what an earlier stage left pending.
void begin_check(Session& session, PendingDefer pending) {
    session.checks.defer_if_permit = std::move(pending);
    session.checks.defer_if_reject.reset();
}

// Runs the list of an early stage: what may still be deferred, is deferred when there is a
// recipient.  Where the stage waited for one, the list may ask about it.  `list` outlives the task.
Task<std::string> run_early(Session& session, const RestrictionList& list,
                            std::string_view reply_class, std::string subject) {
    Check check(session, reply_class, std::move(subject));
    check.recipient = session.logged_recipient.value_or("");
    const auto verdict = co_await list.run(check);
    co_return verdict == Verdict::kReject ? check.reply : std::string();
}

// Runs the only list of a late stage.  `list` outlives the task.
Task<std::string> run_last(Session& session, const RestrictionList& list,
                           std::string_view reply_class, std::string subject) {
    Check check(session, reply_class, std::move(subject));
    check.recipient = session.logged_recipient.value_or("");
    const auto verdict = co_await list.run(check);
    co_return outcome_of(check, verdict);
}

// Runs the list of a stage that is about the whole message.  `list` outlives the task.
Task<std::string> run_for_message(Session& session, const RestrictionList& list,
                                  std::string_view reply_class, std::string subject) {
    session.logged_recipient = session.mail.only_recipient();
    begin_check(session, std::nullopt);
    auto refusal = co_await run_last(session, list, reply_class, std::move(subject));
    session.logged_recipient.reset();
    co_return refusal;
}

// The lists of earlier stages, where they were put off until there is a recipient.
Task<std::string> run_delayed(Session& session) {
    auto refusal = co_await check_client(session);
    if (refusal.empty()) {
        refusal = co_await check_helo(session);
    }
    if (refusal.empty()) {
        refusal = co_await check_sender(session);
    }
    co_return refusal;
}

// There are no smtpd_relay_restrictions by default: says so where those of today would refuse.
Task<void> remark_open_relay(Session& session, std::string recipient) {
    Check check(session, "Recipient address", recipient);
    check.recipient = std::move(recipient);
    const RestrictionItem item;
    auto verdict = co_await restrict_permit_mynetworks(check, item);
    if (verdict != Verdict::kPermit) {
        verdict = co_await restrict_permit_sasl_authenticated(check, item);
    }
    if (verdict == Verdict::kPermit) {
        co_return;
    }
    const bool refused = co_await goes_elsewhere(check);
    if (refused) {
        log_old_default(OldDefault::kRelayRestrictions,
                        format("to avoid \"Relay access denied\" error for recipient \"{}\" from "
                               "client \"{}\"",
                               check.recipient, session.client.label));
    }
}

Task<Verdict> run_recipient_lists(Session& session, Check& check) {
    const auto& lists = session.site.restrictions;
    const bool relay_first = conf().smtpd_relay_before_recipient_restrictions();
    const auto& first = relay_first ? lists.relay : lists.recipient;
    const auto& second = relay_first ? lists.recipient : lists.relay;
    auto verdict = co_await first.run(check);
    if (verdict == Verdict::kReject) {
        if (in_force(OldDefault::kRelayBeforeRecipient)) {
            log_old_default(OldDefault::kRelayBeforeRecipient,
                            format("to reject recipient \"{}\" from client \"{}\"", check.recipient,
                                   session.client.label));
        }
        co_return verdict;
    }
    verdict = co_await second.run(check);
    if (verdict != Verdict::kReject && in_force(OldDefault::kRelayRestrictions)) {
        co_await remark_open_relay(session, check.recipient);
    }
    co_return verdict;
}

Task<std::string> judge_recipient(Session& session, std::string recipient) {
    if (conf().smtpd_delay_reject()) {
        auto refusal = co_await run_delayed(session);
        if (!refusal.empty()) {
            co_return refusal;
        }
    }
    begin_check(session, session.checks.after_sender);
    session.checks.recipient_listed_checked = false;
    Check check(session, "Recipient address", recipient);
    check.recipient = recipient;
    auto verdict = co_await run_recipient_lists(session, check);
    auto refusal = outcome_of(check, verdict);
    if (refusal.empty() && conf().smtpd_reject_unlisted_recipient() &&
        !session.mail.actions.discard && !session.site.receive_override.no_unknown_recipients) {
        const RestrictionItem item;
        verdict = co_await restrict_reject_unlisted_recipient(check, item);
        refusal = verdict == Verdict::kReject ? check.reply : std::string();
    }
    co_return refusal;
}

}  // namespace

Task<std::string> check_client(Session& session) {
    begin_check(session, std::nullopt);
    auto refusal = co_await run_early(session, session.site.restrictions.client, "Client host",
                                      session.client.label);
    session.checks.after_client = session.checks.defer_if_permit;
    session.checks.after_helo = session.checks.after_client;  // there may be no HELO
    co_return refusal;
}

Task<std::string> check_helo(Session& session) {
    begin_check(session, session.checks.after_client);
    std::string refusal;
    if (!session.helo.empty()) {
        refusal = co_await run_early(session, session.site.restrictions.helo, "Helo command",
                                     session.helo);
    }
    session.checks.after_helo = session.checks.defer_if_permit;
    co_return refusal;
}

Task<std::string> check_sender(Session& session) {
    begin_check(session, session.checks.after_helo);
    std::string refusal;
    if (const auto& sender = session.sender()) {
        refusal = co_await run_early(session, session.site.restrictions.sender, "Sender address",
                                     *sender);
        if (refusal.empty() && conf().smtpd_reject_unlisted_sender() &&
            !session.mail.actions.discard) {
            Check check(session, "Sender address", *sender);
            const RestrictionItem item;
            const auto verdict = co_await restrict_reject_unlisted_sender(check, item);
            refusal = verdict == Verdict::kReject ? check.reply : std::string();
        }
    }
    session.checks.after_sender = session.checks.defer_if_permit;
    co_return refusal;
}

Task<std::string> check_recipient(Session& session, std::string recipient) {
    // RFC 5321 4.5.1: mail for the postmaster is always taken.
    if (iequals(recipient, "postmaster")) {
        co_return std::string();
    }
    session.logged_recipient = recipient;
    auto refusal = co_await judge_recipient(session, std::move(recipient));
    session.logged_recipient.reset();
    co_return refusal;
}

Task<std::string> check_etrn(Session& session, std::string domain) {
    if (conf().smtpd_delay_reject()) {
        auto refusal = co_await check_client(session);
        if (refusal.empty()) {
            refusal = co_await check_helo(session);
        }
        if (!refusal.empty()) {
            co_return refusal;
        }
    }
    begin_check(session, session.checks.after_helo);
    co_return co_await run_last(session, session.site.restrictions.etrn, "Etrn command",
                                std::move(domain));
}

Task<std::string> check_data(Session& session) {
    co_return co_await run_for_message(session, session.site.restrictions.data, "Data command",
                                       "DATA");
}

Task<std::string> check_end_of_data(Session& session) {
    co_return co_await run_for_message(session, session.site.restrictions.end_of_data,
                                       "End-of-data", "END-OF-MESSAGE");
}

std::string check_size(Session& session, std::uint64_t size) {
    const auto limit = static_cast<std::uint64_t>(conf().message_size_limit());
    if (limit == 0 || size <= limit) {
        return {};
    }
    begin_check(session, std::nullopt);
    Check check(session, "Message size", "");
    (void)check.reject(552, "5.3.4", "Message size exceeds fixed limit");
    return check.reply;
}

std::string check_queue_space(Session& session) {
    struct statvfs space{};
    if (::statvfs(".", &space) != 0) {
        return {};
    }
    const double available =
        static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
    const auto least = static_cast<double>(conf().queue_minfree());
    const double wanted = kSpaceFactor * static_cast<double>(conf().message_size_limit());
    if (available > least && available > wanted) {
        return {};
    }
    log_warning("not enough free space in mail queue: {:.0f} bytes < {}*message size limit",
                available, kSpaceFactor);
    begin_check(session, std::nullopt);
    Check check(session, "Queue", "");
    (void)check.reject(452, "4.3.1", "Insufficient system storage");
    return check.reply;
}

}  // namespace relais::smtpd
