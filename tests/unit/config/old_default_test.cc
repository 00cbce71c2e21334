// The levels and parameters are those of COMPATIBILITY_README.
#include "lib/config/old_default.h"

#include "lib/base/format.h"
#include "lib/config/deprecated.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

bool in_force_with(OldDefault which, std::string_view text) {
    return in_force(which, Config::from_text(text));
}

struct Case {
    OldDefault which;
    const char* last;   // the highest level with the old default
    const char* first;  // the lowest without
    const char* set;
};

}  // namespace

TEST_CASE("config/old_default: below a level, and not where the parameter is set") {
    const Case cases[] = {
        {OldDefault::kAppendDotMydomain, "0", "1", "append_dot_mydomain = yes"},
        {OldDefault::kSmtputf8Enable, "0", "1", "smtputf8_enable = no"},
        {OldDefault::kRelayRestrictions, "0.9", "1", "smtpd_relay_restrictions ="},
        {OldDefault::kRelayDomains, "1", "2", "relay_domains = $mydestination"},
        {OldDefault::kFlushDomains, "1", "2", "relay_domains ="},
        {OldDefault::kFlushDomains, "1", "2", "fast_flush_domains ="},
        {OldDefault::kMynetworksStyle, "1", "2", "mynetworks_style = subnet"},
        {OldDefault::kMynetworksStyle, "1", "2", "mynetworks = 127.0.0.0/8"},
        {OldDefault::kRelayBeforeRecipient, "3.5.9", "3.6",
         "smtpd_relay_before_recipient_restrictions = no"},
        {OldDefault::kRespectfulLogging, "3.5.9", "3.6", "respectful_logging = no"},
        {OldDefault::kSmtpFingerprintDigest, "2", "3.6", "smtp_tls_fingerprint_digest = md5"},
        {OldDefault::kLmtpFingerprintDigest, "2", "3.6", "lmtp_tls_fingerprint_digest = md5"},
        {OldDefault::kSmtpTlsLevel, "3.10", "3.11", "smtp_tls_security_level ="},
    };
    for (const Case& c : cases) {
        INFO(c.set);
        auto last = format("compatibility_level = {}\n", c.last);
        CHECK(in_force_with(c.which, ""));
        CHECK(in_force_with(c.which, last));
        CHECK_FALSE(in_force_with(c.which, last + c.set));
        CHECK_FALSE(in_force_with(c.which, format("compatibility_level = {}\n", c.first)));
    }
    CHECK(in_force_with(OldDefault::kChroot, "compatibility_level = 0"));
    CHECK_FALSE(in_force_with(OldDefault::kChroot, "compatibility_level = 1"));
}

TEST_CASE("config/deprecated: what to use in place of a parameter") {
    CHECK(deprecation_advice("smtpd_use_tls") ==
          "support for parameter \"smtpd_use_tls\" will be removed; instead, specify "
          "\"smtpd_tls_security_level\"");
    CHECK(deprecation_advice("smtpd_tls_eecdh_grade") ==
          "support for parameter \"smtpd_tls_eecdh_grade\" will be removed; instead, do not "
          "specify (leave at default)");
    CHECK_FALSE(deprecation_advice("smtpd_tls_security_level"));
}
