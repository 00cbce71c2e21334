// Envelope addresses: see the header.
#include "smtpd/envelope_address.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/config/utf8_mode.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {

Task<std::optional<std::string>> envelope_address(Session& session, const smtp::CommandWord& word,
                                                  smtp::EmptyPath empty, std::string_view command) {
    if (word.malformed) {
        co_return std::nullopt;
    }
    const auto syntax =
        conf().strict_rfc821_envelopes() ? smtp::PathSyntax::kStrict : smtp::PathSyntax::kLenient;
    auto address = smtp::parse_path(word.text, syntax, empty);
    if (address && !address->empty() && !session.stand_alone()) {
        // A service that cannot be asked now says nothing against the address.
        const auto resolved = co_await session.site.addresses.resolve("", *address);
        if (resolved && resolved->bad_address()) {
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
