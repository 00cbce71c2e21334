// Envelope addresses: see the header.
#include "smtpd/envelope_address.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/config/utf8_mode.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {

Utf8Asked asks_for_utf8(const Session& session, std::span<const smtp::CommandWord> words) {
    const bool asks =
        session.extensions().smtputf8 &&
        std::ranges::any_of(words, [](const auto& word) { return iequals(word.text, "SMTPUTF8"); });
    return asks ? Utf8Asked::kYes : Utf8Asked::kNo;
}

std::string refuse_undeclared(std::string_view address, Utf8Asked asked) {
    return conf().strict_smtputf8() && asked == Utf8Asked::kNo && !is_ascii(address)
               ? "553 5.6.7 Must declare SMTPUTF8 to send unicode address"
               : "";
}

Task<std::optional<std::string>> envelope_address(Session& session, const smtp::CommandWord& word,
                                                  smtp::EmptyPath empty, std::string_view command,
                                                  Utf8Asked asked) {
    if (word.malformed) {
        co_return std::nullopt;
    }
    const auto syntax =
        conf().strict_rfc821_envelopes() ? smtp::PathSyntax::kStrict : smtp::PathSyntax::kLenient;
    auto address = smtp::parse_path(word.text, syntax, empty);
    if (address && !address->empty() && !session.stand_alone()) {
        // A service that cannot be asked now says nothing against the address.  For a recipient it
        // is the question that the restrictions have, whose answer is kept.
        const auto resolved =
            co_await session.site.addresses.resolve(session.mail.sender.value_or(""), *address);
        // A domain in UTF-8 is for those who know of it; local parts always passed.
        const auto domain = std::string_view(*address).substr(address->rfind('@') + 1);
        const bool undeclared =
            asked == Utf8Asked::kNo && address->contains('@') && !is_ascii(domain);
        if (undeclared || (resolved && resolved->bad_address())) {
            address.reset();
        }
    }
    if (!address) {
        log_warning("Illegal address syntax from {} in {} command: {}", session.client.label,
                    command, printable(word.text.substr(0, 500), '?', utf8_mode()));
    }
    co_return address;
}

void remark_non_ascii(const Session& session, std::string_view role, std::string_view address) {
    if (!is_ascii(address) && in_force(OldDefault::kSmtputf8Enable)) {
        log_old_default(OldDefault::kSmtputf8Enable,
                        format("to accept non-ASCII {} address \"{}\" from {}", role, address,
                               session.client.label));
    }
}

}  // namespace relais::smtpd
