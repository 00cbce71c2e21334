// Defaults that a release changed, and that stay as they were while compatibility_level is lower
// than that release and the parameter is not set.  Whoever acts on one says so in the log, each
// time that the new default would have had another effect, so that an administrator learns what to
// set before raising the level.
#pragma once

#include <string_view>

#include "lib/config/config.h"

namespace relais {

enum class OldDefault : unsigned char {
    kAppendDotMydomain,
    kChroot,  // of master.cf
    kFlushDomains,
    kLmtpFingerprintDigest,
    kMynetworksStyle,
    kRelayBeforeRecipient,
    kRelayDomains,
    kRelayRestrictions,
    kRespectfulLogging,
    kSmtpFingerprintDigest,
    kSmtpTlsLevel,
    kSmtputf8Enable,
};

// The level from which on no default is an old one.
inline constexpr std::string_view kNewestLevel = "3.11";

[[nodiscard]] bool in_force(OldDefault which, const Config& config = conf());

// "using backwards-compatible default setting NAME=VALUE", and what for: `use` follows it
// ("to permit request from client \"...\"").  `place` comes before it where it is not empty.
void log_old_default(OldDefault which, std::string_view use = {}, std::string_view place = {});

}  // namespace relais
