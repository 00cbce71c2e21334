// The engine of restriction lists: see the header.
#include "smtpd/restrictions.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/config/values.h"
#include "lib/smtp/reply.h"

#include "smtpd/policy_client.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

constexpr int kMaxNesting = 100;
constexpr std::size_t kMostResults = 1000;  // lists in tables that are kept compiled
constexpr std::string_view kWarnIfReject = "warn_if_reject";
constexpr std::string_view kBlanks = ", \t\r\n";

// "CODE DSN TEXT", with the class of the enhanced code made to fit the code.
std::string reply_text(int code, std::string_view dsn, std::string_view text) {
    std::string fitting(dsn);
    if (!fitting.empty()) {
        fitting[0] = static_cast<char>('0' + code / 100);
    }
    return format("{} {} {}", code, fitting, text);
}

}  // namespace

// What the client gave may come back in a reply, but nothing that a reply cannot hold.
static std::string clean(std::string_view reply) {
    return printable(reply, ' ', utf8_mode());
}

Verdict Check::reject(int code, std::string_view dsn, std::string_view text) {
    auto answer = clean(reply_text(code, dsn, text));
    auto& softer = session.checks.defer_if_reject;
    if (!warn_only && softer && answer.starts_with('5')) {
        // Something that could not be found out might have let this mail pass.
        answer = *std::exchange(softer, std::nullopt);
    }
    if (conf().soft_bounce()) {
        answer = smtp::soften_reply(answer);
    }
    session.log_event(warn_only ? "reject_warning" : "reject", answer);
    if (warn_only) {
        return Verdict::kDunno;
    }
    reply = std::move(answer);
    return Verdict::kReject;
}

void Check::defer_if_permit(int code, std::string_view dsn, std::string_view text) {
    if (warn_only) {
        session.log_event("reject_warning", clean(reply_text(code, dsn, text)));
        return;
    }
    auto& pending = session.checks.defer_if_permit;
    if (!pending) {
        pending = clean(reply_text(code, dsn, text));
    }
}

void Check::defer_if_reject(int code, std::string_view dsn, std::string_view text) {
    auto& pending = session.checks.defer_if_reject;
    if (!pending) {
        pending = clean(reply_text(code, dsn, text));
    }
}

Verdict Check::reject_lookup_failure(std::string_view about) {
    return reject(451, "4.3.0", format("<{}>: Temporary lookup failure", about));
}

Verdict Check::reject_for_now(std::string_view action_parameter, int code, std::string_view dsn,
                              std::string_view text) {
    if (conf().text_value(action_parameter) == "defer_if_permit") {
        defer_if_permit(code, dsn, text);
        return Verdict::kDunno;
    }
    return reject(code, dsn, text);
}

Verdict Check::reject_configuration() {
    return reject(451, "4.3.5", "Server configuration error");
}

Verdict Check::reject_configuration(std::string_view about, std::string_view about_class) {
    return reject(451, "4.3.5",
                  format("<{}>: {} rejected: Server configuration error", about, about_class));
}

const std::string& Check::sender() const {
    static const std::string none;
    const auto& sender = session.sender();
    return sender ? *sender : none;
}

Task<void> log_permit(const Session& session, std::string action, std::string_view reply_class,
                      std::string name, std::string origin) {
    const auto logged = co_await session.site.clients.logged_permits.match(action);
    if (logged == Match::kYes) {
        session.log_event("permit",
                          format("action={} for {}={} {}", action, reply_class, name, origin));
    }
}

// What a restriction permits is about the client, except where its name says otherwise.  What a
// table permits is logged where its answer is looked at.
static Task<void> log_permit_of(const Check& check, const RestrictionItem& item) {
    const auto argument = item.info->argument;
    const auto& session = check.session;
    if (argument == Argument::kTable || argument == Argument::kPolicy ||
        session.checks.defer_if_permit) {
        co_return;
    }
    if (iequals(item.name, "permit")) {
        co_await log_permit(session, item.name, check.subject_class, check.subject, "");
    } else if (iequals(item.name, "permit_auth_destination") ||
               iequals(item.name, "permit_mx_backup")) {
        co_await log_permit(session, item.name, "Recipient address", check.recipient, "");
    } else {
        co_await log_permit(session, item.name, "Client host", session.client.label, "");
    }
}

RestrictionLibrary::RestrictionLibrary() {
    const auto names = split_words(conf().smtpd_restriction_classes(), kBlanks);
    for (const auto name : names) {  // each may name any other
        classes_.emplace(name, std::make_unique<RestrictionList>());
    }
    for (const auto name : names) {
        const auto definition = conf().find(std::string(name));
        // A class whose restrictions are nowhere would let everything pass.
        if (definition.value_or("").empty()) {
            log_fatal("restriction class `{}' needs a definition", name);
        }
        *classes_.find(name)->second = RestrictionList(*this, *definition, "");
    }
}

const RestrictionList* RestrictionLibrary::find_class(std::string_view name) const {
    const auto found = classes_.find(name);
    return found == classes_.end() ? nullptr : found->second.get();
}

std::shared_ptr<const TableSet> RestrictionLibrary::table(const std::string& reference) {
    const auto found = tables_.find(reference);
    if (found != tables_.end() || sealed_) {
        return found == tables_.end() ? nullptr : found->second;
    }
    auto table = std::make_shared<const TableSet>(reference, reference);
    tables_.emplace(reference, table);
    return table;
}

std::shared_ptr<PolicyClient> RestrictionLibrary::policy(const std::string& text) {
    const auto found = policies_.find(text);
    if (found != policies_.end() || sealed_) {
        return found == policies_.end() ? nullptr : found->second;
    }
    auto client = std::make_shared<PolicyClient>(text);
    policies_.emplace(text, client);
    return client;
}

std::shared_ptr<const RestrictionList> RestrictionLibrary::list_of_result(const std::string& text) {
    if (const auto found = results_.find(text); found != results_.end()) {
        return found->second;
    }
    if (results_.size() >= kMostResults) {
        results_.clear();
    }
    auto list = std::make_shared<const RestrictionList>(*this, text, "");
    results_.emplace(text, list);
    return list;
}

RestrictionList::RestrictionList(RestrictionLibrary& library, std::string_view text,
                                 std::string_view default_check) {
    const auto words = split_list(text, kBlanks);
    bool warn_only = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (iequals(words[i], kWarnIfReject)) {
            warn_only = true;
            continue;
        }
        auto item = item_named(library, words[i], default_check);
        item.warn_only = std::exchange(warn_only, false);
        if (item.info != nullptr && item.info->argument != Argument::kNone &&
            item.argument.empty()) {
            item.argument = i + 1 < words.size() ? words[++i] : "";
        }
        const bool has_table = item.argument.find(':') != std::string::npos;
        if (item.info != nullptr && item.info->argument == Argument::kTable && has_table) {
            if (auto search = parse_map_search(item.argument)) {
                item.table = library.table(search->table);
                item.search_order = std::move(search->order);
            }
        }
        if (item.info != nullptr && item.info->argument == Argument::kDnsbl) {
            item.dnsbl = DnsblSite::parse(item.argument);
        }
        if (item.info != nullptr && item.info->argument == Argument::kPolicy &&
            !item.argument.empty()) {
            item.policy = library.policy(item.argument);
        }
        items_.push_back(std::move(item));
    }
    ends_with_warning_ = warn_only;
}

RestrictionItem RestrictionList::item_named(RestrictionLibrary& library, std::string_view word,
                                            std::string_view default_check) const {
    RestrictionItem item;
    item.name = word;
    const bool is_table = word.find(':') != std::string_view::npos;
    if (is_table && !default_check.empty()) {
        item.info = find_restriction(default_check);
        item.argument = word;
    } else if (item.nested = library.find_class(word); item.nested == nullptr) {
        item.info = find_restriction(word);
    }
    return item;
}

namespace {

// Nothing is asked after a restriction that always decides.
void warn_of_next(const RestrictionItem& item, std::string_view next, bool warn_only) {
    const bool refuses = iequals(item.name, "reject") || iequals(item.name, "defer");
    const bool decides = iequals(item.name, "permit") || (refuses && !warn_only);
    if (decides && !next.empty()) {
        log_warning("restriction `{}' after `{}' is ignored", next, item.name);
    }
}

}  // namespace

std::string_view RestrictionList::word_after(const RestrictionItem& item) const {
    const bool last = &item == &items_.back();
    const bool warns = last ? ends_with_warning_ : (&item + 1)->warn_only;
    if (warns) {
        return kWarnIfReject;
    }
    return last ? std::string_view() : (&item + 1)->name;
}

bool RestrictionList::guards_relay(std::vector<const RestrictionList*>& seen) const {
    if (std::ranges::find(seen, this) != seen.end()) {
        return false;  // a class may name itself
    }
    seen.push_back(this);
    for (const RestrictionItem& item : items_) {
        if (item.warn_only) {
            continue;
        }
        if (iequals(item.name, "permit")) {
            warn_of_next(item, word_after(item), false);
            return false;
        }
        if ((item.info != nullptr && item.info->guards_relay) ||
            (item.nested != nullptr && item.nested->guards_relay(seen))) {
            return true;
        }
    }
    return false;
}

bool RestrictionList::guards_relay() const {
    std::vector<const RestrictionList*> seen;
    return guards_relay(seen);
}

namespace {

// A restriction whose argument is missing or no such thing.
Verdict reject_bad_argument(Check& check, const RestrictionItem& item) {
    if (item.argument.starts_with('{')) {
        log_warning("See earlier parsing error messages for '{}", item.argument);
    } else if (item.info->argument == Argument::kTable) {
        log_warning("restriction {}: bad argument \"{}\": need maptype:mapname", item.name,
                    item.argument.empty() ? item.name : item.argument);
    } else if (item.info->argument == Argument::kPolicy) {
        log_warning("restriction {} must be followed by transport:server", item.name);
    } else {
        log_warning("restriction {} requires domain name argument", item.name);
        return Verdict::kDunno;
    }
    return check.reject_configuration();
}

bool has_bad_argument(const RestrictionItem& item) {
    switch (item.info->argument) {
        case Argument::kNone:
            return false;
        case Argument::kWord:
        case Argument::kDnsbl:
            return item.argument.empty();
        case Argument::kTable:
            return !item.table;
        case Argument::kPolicy:
            return !item.policy;
    }
    return false;
}

// A name that is neither restriction nor class.
Verdict reject_unknown_item(Check& check, const RestrictionItem& item) {
    if (item.name.find(':') != std::string::npos) {
        log_warning(
            "specify one of (check_client_access, check_reverse_client_hostname_access, "
            "check_helo_access, check_sender_access, check_recipient_access, check_etrn_access) "
            "before lookup table \"{}\"",
            item.name);
    } else {
        log_warning("unknown smtpd restriction: \"{}\"", item.name);
    }
    return check.reject_configuration();
}

// In Postfix's words, which howtos quote.
void tell_item(const Check& check, std::string_view name, std::optional<Verdict> verdict = {}) {
    if (check.session.verbosity > 0) {
        const auto status = verdict ? format(" status={}", static_cast<int>(*verdict)) : "";
        log_info("generic_checks: name={}{}", name, status);
    }
}

void tell_list(const Check& check, std::string_view what) {
    if (check.session.verbosity > 0) {
        log_info(">>> {} {} RESTRICTIONS <<<", what, check.subject_class);
    }
}

}  // namespace

Task<Verdict> RestrictionList::run(Check& check) const {
    if (check.depth >= kMaxNesting) {
        log_warning("smtpd restrictions nest more than {} levels deep", kMaxNesting);
        check.warn_only = false;  // else every list on the way would go on, and double the work
        co_return check.reject_configuration();
    }
    if (items_.empty()) {
        co_return Verdict::kDunno;
    }
    tell_list(check, "START");
    check.depth += 1;
    Verdict verdict = Verdict::kDunno;
    for (const auto& item : items_) {
        if (check.session.mail.actions.discard) {
            break;  // what becomes of the message is settled
        }
        if (item.warn_only) {
            tell_item(check, kWarnIfReject);
        }
        tell_item(check, item.name);
        const bool outer = std::exchange(check.warn_only, check.warn_only || item.warn_only);
        if (item.info != nullptr && has_bad_argument(item)) {
            verdict = reject_bad_argument(check, item);
        } else if (item.info != nullptr) {
            verdict = co_await item.info->run(check, item);
            if (verdict == Verdict::kPermit) {
                co_await log_permit_of(check, item);
            }
        } else if (item.nested != nullptr) {
            verdict = co_await item.nested->run(check);
        } else {
            verdict = reject_unknown_item(check, item);
        }
        warn_of_next(item, word_after(item), check.warn_only);
        check.warn_only = outer;
        tell_item(check, item.name, verdict);
        // Deferred both ways, whatever the others would say.
        const auto& state = check.session.checks;
        const bool settled = state.defer_if_permit && state.defer_if_reject;
        if (verdict != Verdict::kDunno || settled) {
            break;
        }
    }
    check.depth -= 1;
    tell_list(check, "END");
    co_return verdict;
}

}  // namespace relais::smtpd
