#include "cleanup/headers.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"
#include "lib/mail/date.h"
#include "lib/mail/encoded_word.h"

namespace relais::cleanup {

namespace {

// The body of a header for a log line: as written, without the blanks and folds before it.
std::string_view logged_value(std::string_view header) {
    auto colon = header.find(':');
    return colon == std::string_view::npos ? "" : trim_left(header.substr(colon + 1));
}

bool is_phrase_char(char c) {
    return is_alnum(c) || std::string_view(" \t!#$%&'*+-/=?^_`{|}~").contains(c) ||
           static_cast<unsigned char>(c) > 127;
}

// A display name, quoted where it is not just words. RFC 5322 3.2.5
std::string quoted_phrase(std::string_view phrase) {
    if (std::ranges::all_of(phrase, is_phrase_char)) {
        return std::string(phrase);
    }
    std::string quoted = "\"";
    for (char c : phrase) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + '"';
}

// RFC 5322 3.6.4: unique, since queue ids are (short ones with the time beside them).
std::string generated_message_id(const std::string& queue_id, const QueueTime& when,
                                 const std::string& host) {
    if (is_long_queue_id(queue_id)) {
        return format("<{}@{}>", queue_id, host);
    }
    std::array<char, 32> stamp{};
    std::time_t seconds = when.seconds;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::strftime(stamp.data(), stamp.size(), "%Y%m%d%H%M%S", &utc);
    return format("<{}.{}@{}>", stamp.data(), queue_id, host);
}

}  // namespace

bool Headers::rewriting() const {
    return message_.envelope.context == RewriteContext::kLocal ||
           !service_.config.remote_header_rewrite_domain().empty();
}

// An address of a header, external form, as it is to be; nothing when it cannot be told now.
Task<std::optional<std::string>> Headers::rewritten(AddressClass where, std::string address) {
    auto complete = co_await service_.rewriter.external(message_.envelope.context, address);
    if (!complete) {
        message_.fail(kCleanupDefer, "4.3.0 " + complete.error().message);
        co_return std::nullopt;
    }
    if ((message_.flags & kCleanupMap) == 0 || !service_.mapping.changes(where)) {
        co_return std::move(*complete);
    }
    std::string before = unquote_address(*complete);
    std::string after = co_await service_.mapping.canonical(message_, where, before);
    if (message_.skipping()) {
        co_return std::nullopt;
    }
    co_return after == before ? *complete : quote_address(after);
}

bool Headers::holds_addresses(const HeaderInfo* info) const {
    return info != nullptr && (info->traits & (kHeaderSender | kHeaderRecipient)) != 0 &&
           rewriting();
}

// Writes the lines of a header, up to header_size_limit. What the limit leaves of a line is worth
// having where it is a tenth of what may be.
void Headers::put_lines(std::string_view text) {
    auto limit = static_cast<std::size_t>(service_.config.header_size_limit());
    auto line_limit = static_cast<std::size_t>(service_.config.line_length_limit());
    std::size_t at = 0;
    while (at <= text.size()) {
        auto end = std::min(text.find('\n', at), text.size());
        if (end > limit && at + limit / 10 > limit) {
            return;
        }
        const auto line = text.substr(at, std::min(end, limit) - at);
        message_.put_text(line, line_limit);
        if (at == 0) {
            message_.put_room(Rec::kPadding, line.size());
        }
        at = end + 1;
    }
}

// RFC 8689 4.2 and 5; the header of our own takes the request through a content filter.
void Headers::note_tls(const HeaderInfo& info, std::string_view text) {
    const auto value = trim(header_body(text));
    if (info.id == HeaderId::kTlsRequired && service_.config.tls_required_enable() &&
        iequals(value, "no")) {
        message_.utf8 |= kTlsNotRequired;
    } else if (info.id == HeaderId::kRequireTlsEsmtp && propagates_require_tls() &&
               iequals(value, "yes")) {
        message_.utf8 |= kRequireTls;
    }
}

bool Headers::propagates_require_tls() const {
    return service_.config.requiretls_enable() && service_.config.requiretls_esmtp_header();
}

void Headers::note(const HeaderInfo& info, std::string_view text) {
    note_tls(info, text);
    seen_ |= std::uint64_t{1} << static_cast<unsigned>(info.id);
    resent_ = resent_ || (info.traits & kHeaderResent) != 0;
    if (info.id == HeaderId::kMessageId) {
        log_info("{}: message-id={}", message_.id(), logged_value(text));
    } else if (info.id == HeaderId::kResentMessageId) {
        log_info("{}: resent-message-id={}", message_.id(), logged_value(text));
    } else if (info.id == HeaderId::kReceived) {
        if (++hops_ >= service_.config.hopcount_limit()) {
            message_.reject(kCleanupHops, "hopcount exceeded");
        }
    }
}

void Headers::note_utf8(std::string_view text) {
    if (service_.config.smtputf8_enable() && !is_ascii(text)) {
        message_.utf8 |= kUtf8Header;
        if ((message_.flags & kCleanupAutoUtf8) != 0) {
            message_.utf8 |= kUtf8Requested;
        }
    }
}

void Headers::take(const HeaderInfo* info, std::string_view text) {
    // A NUL would end the header for every C program after us.
    text = text.substr(0, text.find('\0'));
    note_utf8(text);
    if (info != nullptr) {
        note(*info, text);  // one that is dropped is not missing
    }
    if (!service_.drops(text)) {
        put_lines(text);
    }
}

Task<void> Headers::take_addresses(const HeaderInfo* info, std::string text) {
    auto colon = text.find(':');
    AddressList list =
        AddressList::parse(std::string_view(text).substr(colon + 1),
                           static_cast<std::size_t>(service_.config.header_address_token_limit()));
    auto where = (info->traits & kHeaderSender) != 0 ? kClassHeaderSender : kClassHeaderRecipient;
    bool changed = list.repaired();
    for (std::size_t i = 0; i < list.size(); ++i) {
        std::string before = list.external(i);
        if (before.empty()) {
            continue;
        }
        auto after = co_await rewritten(where, before);
        if (!after) {
            co_return;
        }
        if (*after != before) {
            list.set_external(i, *after);
            changed = true;
        }
    }
    if (changed) {
        std::string lines = text.substr(0, colon) + ": ";
        lines += list.print(AddressList::Separator::kNewline);
        text = fold_header(lines);
    }
    take(info, text);
}

void Headers::finish() {
    if (message_.skipping()) {
        return;
    }
    if ((message_.utf8 & kRequireTls) != 0 && !seen(HeaderId::kRequireTlsEsmtp) &&
        propagates_require_tls()) {
        put_lines("Require-TLS-ESMTP: yes");
    }
    bool add = rewriting() || service_.config.always_add_missing_headers();
    if (add) {
        add_missing();
    }
    if (!seen(HeaderId::kMessageId) && (!add || resent_)) {
        log_info("{}: message-id=<>", message_.id());
    }
    if (message_.editable) {
        message_.put_pointer(0);
        message_.body_offset = message_.file.offset();
    }
}

void Headers::add_missing() {
    const Config& config = service_.config;
    std::string_view prefix = resent_ ? "Resent-" : "";
    if (!seen(resent_ ? HeaderId::kResentMessageId : HeaderId::kMessageId)) {
        std::string id =
            generated_message_id(message_.id(), message_.file.time(), config.myhostname());
        put_lines(format("{}Message-Id: {}", prefix, id));
        log_info("{}: {}message-id={}", message_.id(), resent_ ? "resent-" : "", id);
    }
    if (!seen(resent_ ? HeaderId::kResentDate : HeaderId::kDate)) {
        put_lines(
            format("{}Date: {}", prefix, format_mail_date(message_.envelope.arrival.seconds)));
    }
    if (!seen(resent_ ? HeaderId::kResentFrom : HeaderId::kFrom)) {
        put_lines(format("{}From: {}", prefix, generated_from()));
    }
    bool any_recipient = false;
    for (HeaderId id : {HeaderId::kTo, HeaderId::kCc, HeaderId::kResentTo, HeaderId::kResentCc}) {
        any_recipient = any_recipient || seen(id);
    }
    if (!any_recipient && !config.undisclosed_recipients_header().empty()) {
        put_lines(config.undisclosed_recipients_header());
    }
}

std::string Headers::generated_from() const {
    const std::string& sender = *message_.envelope.sender;
    std::string address = sender.empty() ? "MAILER-DAEMON" : quote_address(sender);
    // A line end in it (sendmail -F) would begin a header of the caller's choice.
    std::string name = message_.envelope.full_name;
    std::ranges::replace_if(name, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    if (name.empty() || sender.empty()) {
        return address;
    }
    const bool ascii = std::ranges::all_of(name, [](char c) { return c >= 0; });
    if (!ascii) {
        name = encoded_words(name, service_.config.full_name_encoding_charset());
    }
    if (service_.config.header_from_format() == "obsolete") {
        return format("{} ({})", address, name);
    }
    return format("{} <{}>", ascii ? quoted_phrase(name) : name, address);
}

}  // namespace relais::cleanup
