// Envelope addresses: see the header.
#include "smtpd/envelope_address.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

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
                    command, printable(word.text.substr(0, 500)));
    }
    co_return address;
}

}  // namespace relais::smtpd
