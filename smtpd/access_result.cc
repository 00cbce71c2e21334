// Access results: see the header.
#include "smtpd/access_result.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/mail/dsn.h"
#include "lib/mail/header.h"
#include "lib/smtp/access_answer.h"

#include "smtpd/session.h"
#include "smtpd/site.h"
#include "smtpd/status_in_role.h"

namespace relais::smtpd {
namespace {

struct AccessAnswer {
    Check& check;
    const Judged& judged;
    const AccessSource& source;
    std::string_view action;
    std::string_view text;  // what follows the action
    int code = 0;           // of an answer that is a reply

    Transaction& mail() const { return check.session.mail; }

    // "<a@b>: Sender address TEXT": in the log after actions that are no refusal.
    void log(std::string_view verb, std::string_view what) const {
        check.session.log_event(verb, format("<{}>: {} {}", judged.name, judged.reply_class, what));
    }

    // What refuses him: the words of the answer, or these.
    smtp::RefusalWords refusal(std::string_view dsn, std::string_view why) const {
        auto words = smtp::refusal_words(text, dsn, why);
        words.dsn = status_in_role(*DsnCode::parse(words.dsn), judged.reply_class).to_string();
        words.text = format("<{}>: {} rejected: {}", judged.name, judged.reply_class, words.text);
        return words;
    }
};

Verdict act_reject(const AccessAnswer& a) {
    const auto words = a.refusal("5.7.1", "Access denied");
    return a.check.reject(conf().access_map_reject_code(), words.dsn, words.text);
}

Verdict act_defer(const AccessAnswer& a) {
    const auto words = a.refusal("4.7.1", "Access denied");
    return a.check.reject(conf().access_map_defer_code(), words.dsn, words.text);
}

Verdict act_defer_if_permit(const AccessAnswer& a) {
    const auto words = a.refusal("4.7.1", "Service unavailable");
    a.check.defer_if_permit(conf().access_map_defer_code(), words.dsn, words.text);
    return Verdict::kDunno;
}

Verdict act_defer_if_reject(const AccessAnswer& a) {
    const auto words = a.refusal("4.7.1", "Service unavailable");
    a.check.defer_if_reject(conf().access_map_defer_code(), words.dsn, words.text);
    return Verdict::kDunno;
}

Verdict act_permit(const AccessAnswer& /*answer*/) {
    return Verdict::kPermit;
}

Verdict act_nothing(const AccessAnswer& /*answer*/) {
    return Verdict::kDunno;
}

Verdict act_warn(const AccessAnswer& a) {
    a.check.session.log_event("warn", a.text);
    return Verdict::kDunno;
}

Verdict act_info(const AccessAnswer& a) {
    a.check.session.log_event("info", a.text);
    return Verdict::kDunno;
}

// True where there is a message, or its sender at least, that something can be done with.
bool has_message(const AccessAnswer& a) {
    if (a.check.session.sender()) {
        return true;
    }
    log_warning(
        "access table {}: with smtpd_delay_reject=no, action {} is always skipped in Client host "
        "or Helo command restrictions",
        a.source.table, uppercase(a.action));
    return false;
}

bool concerns_message(const AccessAnswer& a) {
    if (!conf().smtpd_proxy_filter().empty()) {
        log_warning("access table {}: with smtpd_proxy_filter specified, action {} is unavailable",
                    a.source.table, uppercase(a.action));
        return false;
    }
    if (!a.check.session.etrn_domain.empty()) {
        log_warning("access table {}: action {} is unavailable in smtpd_etrn_restrictions",
                    a.source.table, uppercase(a.action));
        return false;
    }
    return has_message(a);
}

// "TEXT", or what stands for it: "triggers HOLD action".
void log_triggered(const AccessAnswer& a) {
    a.log(lowercase(a.action),
          a.text.empty() ? format("triggers {} action", uppercase(a.action)) : std::string(a.text));
}

Verdict act_hold(const AccessAnswer& a) {
    if ((a.mail().actions.cleanup_flags & kCleanupHold) != 0) {
        return Verdict::kDunno;
    }
    log_triggered(a);
    a.mail().actions.cleanup_flags |= kCleanupHold;
    return Verdict::kDunno;
}

Verdict act_discard(const AccessAnswer& a) {
    log_triggered(a);
    a.mail().actions.cleanup_flags |= kCleanupDiscard;
    a.mail().actions.discard = true;
    return Verdict::kPermit;
}

// What an entry lacks that it needs for its action.
void warn_of_entry(const AccessAnswer& a, std::string_view what) {
    log_warning("access table {} entry \"{}\" {}", a.source.table, a.source.entry, what);
}

// True, and logged, for "user@domain".
bool has_address(const AccessAnswer& a) {
    if (a.text.find('@') == std::string_view::npos) {
        warn_of_entry(a, "requires user@domain target");
        return false;
    }
    a.log(lowercase(a.action), format("triggers {} {}", uppercase(a.action), a.text));
    return true;
}

Verdict act_filter(const AccessAnswer& a) {
    if (a.text.empty()) {
        warn_of_entry(a, "has FILTER entry without value");
    } else if (a.text.find(':') == std::string_view::npos) {
        warn_of_entry(a, "requires transport:destination");
    } else {
        a.log("filter", format("triggers FILTER {}", a.text));
        a.mail().actions.filter = a.text;
    }
    return Verdict::kDunno;
}

Verdict act_redirect(const AccessAnswer& a) {
    if (has_address(a)) {
        a.mail().actions.redirect = a.text;
    }
    return Verdict::kDunno;
}

Verdict act_bcc(const AccessAnswer& a) {
    if (has_address(a)) {
        a.mail().actions.bcc.emplace_back(a.text);
    }
    return Verdict::kDunno;
}

Verdict act_prepend(const AccessAnswer& a) {
    if (!is_header(a.text)) {
        warn_of_entry(a, "requires header: text");
    } else if (a.check.session.where == "END-OF-MESSAGE") {
        log_warning(
            "access table {}: action PREPEND must be used before smtpd_end_of_data_restrictions",
            a.source.table);
    } else {
        a.mail().actions.prepend.emplace_back(a.text);
    }
    return Verdict::kDunno;
}

// The client hears nothing more.
Verdict act_hang_up(const AccessAnswer& a) {
    a.check.session.log_event("hangup", a.text);
    throw HungUp();
}

struct AccessAction {
    std::string_view name;
    Verdict (*act)(const AccessAnswer&);
    bool (*possible)(const AccessAnswer&) = nullptr;  // false, and logged: nothing is done
};

constexpr std::array<AccessAction, 16> kActions = {{
    {"REJECT", act_reject},
    {"DEFER", act_defer},
    {"DEFER_IF_PERMIT", act_defer_if_permit},
    {"DEFER_IF_REJECT", act_defer_if_reject},
    {"OK", act_permit},
    {"RELAY", act_permit},
    {"DUNNO", act_nothing},
    {"WARN", act_warn},
    {"INFO", act_info},
    {"HOLD", act_hold, concerns_message},
    {"DISCARD", act_discard, concerns_message},
    {"FILTER", act_filter, concerns_message},
    {"REDIRECT", act_redirect, concerns_message},
    {"BCC", act_bcc, concerns_message},
    {"PREPEND", act_prepend, has_message},
    {"HANGUP", act_hang_up},
}};

// "450 4.2.0 later": the reply's own code.
Verdict act_reply(const AccessAnswer& a) {
    const auto fallback = a.code < 500 ? "4.7.1" : "5.7.1";
    const auto words = a.refusal(fallback, "Access denied");
    return a.check.reject(a.code, words.dsn, words.text);
}

constexpr AccessAction kPermission{"", act_permit};
constexpr AccessAction kOwnReply{"", act_reply};

// Null for what is no action.
const AccessAction* find_action(const smtp::AccessAnswer& parts) {
    if (parts.kind == smtp::AccessAnswer::Kind::kPermit) {
        return &kPermission;
    }
    if (parts.kind == smtp::AccessAnswer::Kind::kReply) {
        return &kOwnReply;
    }
    const auto* found = std::ranges::find_if(kActions, [&parts](const AccessAction& known) {
        return iequals(known.name, parts.action);
    });
    return found == kActions.end() ? nullptr : found;
}

}  // namespace

Task<Verdict> apply_access_result(Check& check, const Judged& judged, const AccessSource& source,
                                  std::string value) {
    const auto parts = smtp::parse_access_answer(value);
    const auto whole = parts.whole;
    const AccessAnswer answer{check, judged, source, parts.action, parts.text, parts.code};
    if (parts.kind == smtp::AccessAnswer::Kind::kEmpty) {
        log_warning("access table {} entry {} has empty value", source.table, value);
        co_return Verdict::kDunno;
    }
    if (const auto* action = find_action(parts); action != nullptr) {
        const bool possible = action->possible == nullptr || action->possible(answer);
        const auto verdict = possible ? action->act(answer) : Verdict::kDunno;
        if (verdict == Verdict::kPermit && !check.session.checks.defer_if_permit) {
            co_await log_permit(check.session, std::string(answer.action), judged.reply_class,
                                judged.name, format("from {}", source.table));
        }
        co_return verdict;
    }
    if (whole.find(':') != std::string_view::npos) {
        log_warning("access table {} has entry with lookup table: {}", source.table, whole);
        log_warning("do not specify lookup tables inside SMTPD access maps");
        log_warning("define a restriction class and specify its name instead.");
        co_return check.reject_configuration();
    }
    const auto list = check.session.site.library.list_of_result(std::string(whole));
    // Its replies are about what the table was asked for.
    auto subject = std::exchange(check.subject, judged.name);
    const auto subject_class = std::exchange(check.subject_class, judged.reply_class);
    const auto verdict = co_await list->run(check);
    check.subject = std::move(subject);
    check.subject_class = subject_class;
    co_return verdict;
}

}  // namespace relais::smtpd
