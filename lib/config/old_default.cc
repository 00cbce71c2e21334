#include "lib/config/old_default.h"

#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/utf8_mode.h"

namespace relais {

namespace {

struct Fact {
    OldDefault which;
    std::string_view since;  // the level with the new default
    std::string_view text;
    // What must be unset; empty: nothing more, nothing at all.
    std::string_view parameter;
    std::string_view other_parameter;
};

constexpr std::array kFacts = {
    Fact{OldDefault::kAppendDotMydomain, "1", "append_dot_mydomain=yes", "append_dot_mydomain", {}},
    Fact{OldDefault::kChroot, "1", "chroot=y", {}, {}},
    Fact{OldDefault::kFlushDomains, "2", "relay_domains=$mydestination", "relay_domains",
         "fast_flush_domains"},
    Fact{OldDefault::kLmtpFingerprintDigest,
         "3.6",
         "lmtp_tls_fingerprint_digest=md5",
         "lmtp_tls_fingerprint_digest",
         {}},
    Fact{OldDefault::kMynetworksStyle, "2", "mynetworks_style=subnet", "mynetworks_style",
         "mynetworks"},
    Fact{OldDefault::kRelayBeforeRecipient,
         "3.6",
         "smtpd_relay_before_recipient_restrictions=no",
         "smtpd_relay_before_recipient_restrictions",
         {}},
    Fact{OldDefault::kRelayDomains, "2", "relay_domains=$mydestination", "relay_domains", {}},
    Fact{OldDefault::kRelayRestrictions,
         "1",
         "\"smtpd_relay_restrictions = (empty)\"",
         "smtpd_relay_restrictions",
         {}},
    Fact{OldDefault::kRespectfulLogging, "3.6", "respectful_logging=no", "respectful_logging", {}},
    Fact{OldDefault::kSmtpFingerprintDigest,
         "3.6",
         "smtp_tls_fingerprint_digest=md5",
         "smtp_tls_fingerprint_digest",
         {}},
    Fact{OldDefault::kSmtpTlsLevel,
         kNewestLevel,
         "smtp_tls_security_level=(empty)",
         "smtp_tls_security_level",
         {}},
    Fact{OldDefault::kSmtputf8Enable, "1", "smtputf8_enable=no", "smtputf8_enable", {}},
};

const Fact& fact(OldDefault which) {
    return *std::ranges::find(kFacts, which, &Fact::which);
}

}  // namespace

bool in_force(OldDefault which, const Config& config) {
    const Fact& known = fact(which);
    auto is_set = [&](std::string_view name) { return !name.empty() && config.is_set(name); };
    return config.level_below(known.since) && !is_set(known.parameter) &&
           !is_set(known.other_parameter);
}

void log_old_default(OldDefault which, std::string_view use, std::string_view place) {
    auto line = format("{}{}using backwards-compatible default setting {}{}{}", place,
                       place.empty() ? "" : ": ", fact(which).text, use.empty() ? "" : " ", use);
    log_line(Severity::kInfo, printable(line, '?', utf8_mode()));
}

}  // namespace relais
