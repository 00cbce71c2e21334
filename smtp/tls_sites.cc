#include "smtp/tls_sites.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::smtp_client {

TlsSites::TlsSites(const Config& config, const std::string& prefix) {
    const auto& tables = config.text_value(prefix + "_tls_per_site");
    if (config.text_value(prefix + "_tls_policy_maps").empty()) {
        tables_ = TableSet(prefix + "_tls_per_site", tables);
    } else if (!tables.empty()) {
        log_warning("{0}_tls_per_site ignored when {0}_tls_policy_maps is not empty.", prefix);
    }
}

// A word of the table on top of what is known so far.  "None" wins over "may", and what must be
// over both.
static bool add_word(std::string_view word, std::optional<TlsLevel>& level) {
    const auto at_least = [&level](TlsLevel wanted) {
        level = std::max(level.value_or(TlsLevel::kNone), wanted);
    };
    if (iequals(word, "NONE")) {
        level = level.value_or(TlsLevel::kMay) <= TlsLevel::kMay ? TlsLevel::kNone : *level;
    } else if (iequals(word, "MAY")) {
        level = level.value_or(TlsLevel::kMay);
    } else if (iequals(word, "MUST_NOPEERMATCH")) {
        at_least(TlsLevel::kEncrypt);
    } else if (iequals(word, "MUST")) {
        at_least(TlsLevel::kVerify);
    } else {
        return false;
    }
    return true;
}

Task<Result<void>> TlsSites::ask(std::string name, const char* kind,
                                 std::optional<TlsLevel>* level) const {
    const Lookup found = co_await tables_.lookup(name);
    if (found.is_error()) {
        log_warning("{}: {} \"{}\": per-site table lookup error", tables_.title(), kind, name);
        co_return fail(Errc::kSystem, "Temporary lookup error");
    }
    if (found.is_found() && !add_word(found.value(), *level)) {
        log_warning("{}: unknown TLS policy '{}' for {} {}", tables_.title(), found.value(), kind,
                    name);
        co_return fail(Errc::kSyntax, "client TLS configuration problem");
    }
    co_return Result<void>();
}

Task<Result<std::optional<TlsLevel>>> TlsSites::find(std::string site, std::string host,
                                                     TlsLevel general) const {
    std::optional<TlsLevel> level;
    Result<void> asked = co_await ask(site, "next-hop destination", &level);
    if (asked && !iequals(site, host)) {
        asked = co_await ask(std::move(host), "server hostname", &level);
    }
    if (!asked) {
        co_return fail_with(asked);
    }
    // An entry that only allows TLS does not weaken what is demanded of all.
    if (level == TlsLevel::kMay && general > TlsLevel::kMay) {
        level.reset();
    }
    co_return level;
}

}  // namespace relais::smtp_client
