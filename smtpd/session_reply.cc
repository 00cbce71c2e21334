// How replies leave a session: refusals pass through tables that replace them, and tables that add
// to them.
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/smtp/reject_footer.h"
#include "lib/smtp/reply.h"

#include "smtpd/notice.h"
#include "smtpd/session.h"
#include "smtpd/session_macros.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

bool is_refusal(std::string_view text) {
    return text.starts_with('4') || text.starts_with('5');
}

// What a table may put in place of a refusal: another one.
bool is_whole_refusal(std::string_view text) {
    return text.size() > 4 && is_refusal(text) && is_digit(text[1]) && is_digit(text[2]) &&
           text[3] == ' ';
}

// What was refused softens after tables have seen it as it is.
std::string softened(std::string text) {
    const bool soft = conf().soft_bounce() && text.starts_with('5');
    return soft ? smtp::soften_reply(text) : text;
}

}  // namespace

void Session::reply(std::string_view text) {
    const auto soft = softened(std::string(text));
    trouble |= milters.is_own(soft) ? kNoticePolicy : notice_class_of(soft);
    const bool waits = site.reject_filter.waits() || site.reject_footers.waits();
    if (!held_replies_.empty() || (waits && is_refusal(text))) {
        held_replies_.emplace_back(text);
        return;
    }
    if (!is_refusal(text)) {
        finish_reply(text);
        return;
    }
    auto whole = filtered_reply(std::string(text), site.reject_filter.find(text));
    const auto footer = site.reject_footers.find(whole);
    finish_reply(footed_reply(std::move(whole), footer));
}

// The replies that had to wait, in their order.
Task<void> Session::release_replies() {
    const auto held = std::exchange(held_replies_, {});
    for (const auto& text : held) {
        if (!is_refusal(text)) {
            finish_reply(text);
            continue;
        }
        const auto other = co_await site.reject_filter.lookup(text);
        auto whole = filtered_reply(text, other);
        const auto footer = co_await site.reject_footers.lookup(whole);
        finish_reply(footed_reply(std::move(whole), footer));
    }
}

// smtpd_reject_filter_maps
std::string Session::filtered_reply(std::string text, const Lookup& found) {
    if (!found.is_found()) {
        return text;
    }
    const std::string other(found.value());
    if (!is_whole_refusal(other)) {
        log_warning("{}: not a reply that refuses: \"{}\" for \"{}\"", site.reject_filter.title(),
                    printable(other, '?', utf8_mode()), printable(text, '?', utf8_mode()));
        return text;
    }
    log_info("{}: replacing reply \"{}\" with \"{}\"", client.label,
             printable(text, '?', utf8_mode()), printable(other, '?', utf8_mode()));
    return other;
}

// smtpd_reject_footer_maps, or smtpd_reject_footer.  RFC 5321 4.2.1: more lines of the same reply.
std::string Session::footed_reply(std::string text, const Lookup& found) {
    const auto footer =
        found.is_found() ? std::string(found.value()) : conf().smtpd_reject_footer();
    text = softened(std::move(text));
    if (footer.empty()) {
        return text;
    }
    const MoreMacros names = [this](std::string_view name) { return footer_macro(name); };
    const auto expanded = expand_session_text(*this, footer, names);
    if (!expanded) {
        log_warning("{}", expanded.error().message);
        return text;
    }
    return smtp::add_footer(text, *expanded);
}

// The reply is about no recipient any more: $recipient is the first one that was taken.  A name
// that is none is "".
std::optional<std::string> Session::footer_macro(std::string_view name) const {
    auto value = name.starts_with("recipient") ? recipient_macro(name, mail.first_recipient)
                                               : session_macro(*this, name);
    if (!value) {
        log_warning("unknown macro name \"{}\" in expansion request", name);
    }
    return value.value_or("");
}

void Session::finish_reply(std::string_view text) {
    send_reply(smtp::format_reply(text));
    if (text.starts_with("421") || text.starts_with("521")) {
        hang_up();
    }
}

}  // namespace relais::smtpd
