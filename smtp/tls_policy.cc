#include "smtp/tls_policy.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/main_cf.h"
#include "lib/mail/hostname.h"
#include "lib/tls/tls_settings.h"

namespace relais::smtp_client {

TlsPolicies::TlsPolicies(const Config& config, const std::string& prefix)
    : maps_(prefix + "_tls_policy_maps", config.text_value(prefix + "_tls_policy_maps"),
            table_flag::kMail),
      default_level_(tls_level_setting(config, prefix)) {
    auto text = [&](std::string_view name) {
        return config.text_value(prefix + std::string(name));
    };
    auto flag = [&](std::string_view name) {
        return config.bool_value(prefix + std::string(name));
    };
    protocols_ = text("_tls_protocols");
    mandatory_protocols_ = text("_tls_mandatory_protocols");
    ciphers_ = text("_tls_ciphers");
    mandatory_ciphers_ = text("_tls_mandatory_ciphers");
    exclude_ = text("_tls_exclude_ciphers");
    mandatory_exclude_ = text("_tls_mandatory_exclude_ciphers");
    verify_match_ = text("_tls_verify_cert_match");
    secure_match_ = text("_tls_secure_cert_match");
    fingerprint_match_ = text("_tls_fingerprint_cert_match");
    server_name_ = text("_tls_servername");
    reuse_connections_ = flag("_tls_connection_reuse");
    note_offers_ = flag("_tls_note_starttls_offer");
    wrapper_mode_ = flag("_tls_wrappermode");
}

TlsPolicy TlsPolicies::defaults_for(TlsLevel level) const {
    bool mandatory = level >= TlsLevel::kEncrypt;
    TlsPolicy policy;
    policy.level = level;
    policy.protocols = mandatory ? mandatory_protocols_ : protocols_;
    policy.cipher_grade = mandatory ? mandatory_ciphers_ : ciphers_;
    policy.exclude_ciphers = mandatory ? exclude_ + " " + mandatory_exclude_ : exclude_;
    policy.server_name = server_name_;
    policy.reuse_connections = reuse_connections_;
    if (level == TlsLevel::kFingerprint) {
        policy.match = fingerprint_match_;
    } else if (level == TlsLevel::kVerify) {
        policy.match = verify_match_;
    } else if (level == TlsLevel::kSecure) {
        policy.match = secure_match_;
    }
    return policy;
}

namespace {

// Pairs of hexadecimal digits with ":" between them.
bool is_fingerprint(std::string_view word) {
    std::size_t i = 0;
    for (char c : word) {
        bool fits =
            i % 3 == 2 ? c == ':' : (is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'));
        if (!fits) {
            return false;
        }
        ++i;
    }
    return i % 3 == 2;
}

// How many of the words can match anything; the others are told.
std::size_t usable_fingerprints(std::string_view words) {
    std::size_t usable = 0;
    for (std::string_view word : split_words(words, " \t\r\n,|")) {
        if (is_fingerprint(word)) {
            ++usable;
        } else {
            log_warning("malformed fingerprint value: {}", printable(word.substr(0, 100)));
        }
    }
    return usable;
}

}  // namespace

Result<void> TlsPolicies::set_attribute(TlsPolicy& policy, std::string_view name,
                                        std::string_view value) const {
    if (iequals(name, "protocols")) {
        policy.protocols = value;
    } else if (value.empty() && (iequals(name, "ciphers") || iequals(name, "match"))) {
        return fail(Errc::kSyntax, format("attribute \"{}\" has empty value", name));
    } else if (iequals(name, "ciphers")) {
        policy.cipher_grade = value;
    } else if (iequals(name, "exclude")) {
        policy.exclude_ciphers = value;
    } else if (iequals(name, "servername")) {
        if (!is_hostname(value)) {
            return fail(Errc::kSyntax,
                        format("\"{}={}\" specifies an invalid hostname", name, value));
        }
        policy.server_name = value;
    } else if (iequals(name, "connection_reuse")) {
        if (!iequals(value, "yes") && !iequals(value, "no")) {
            return fail(Errc::kSyntax,
                        format("attribute \"{}\" has bad value: \"{}\"", name, value));
        }
        policy.reuse_connections = iequals(value, "yes");
    } else if (iequals(name, "match")) {
        if (policy.level < TlsLevel::kFingerprint) {
            return fail(Errc::kSyntax, format("attribute \"{}\" invalid at security level \"{}\"",
                                              name, tls_level_name(policy.level)));
        }
        // "|" separates fingerprints, ":" names: a fingerprint has ":" inside.
        std::string words(value);
        for (char& c : words) {
            c = c == '|' || (c == ':' && policy.level != TlsLevel::kFingerprint) ? ' ' : c;
        }
        policy.match += (policy.match.empty() ? "" : " ") + words;
    } else {
        return fail(Errc::kSyntax, format("invalid attribute name: \"{}\"", name));
    }
    return {};
}

Result<TlsPolicy> TlsPolicies::parse(std::string_view value, std::string_view key) const {
    std::vector<std::string_view> words = split_words(value, " \t\r\n,");
    auto bad = [&](std::string_view what) {
        return fail(Errc::kSyntax,
                    format("{}, next-hop destination \"{}\": {}", maps_.title(), key, what));
    };
    if (words.empty()) {
        return bad("invalid empty policy");
    }
    auto level = parse_tls_level(words[0]);
    if (!level) {
        return bad(format("invalid security level \"{}\"", words[0]));
    }
    TlsPolicy policy = defaults_for(*level);
    bool own_match = false;
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (policy.level == TlsLevel::kNone) {
            log_warning(
                "{}, next-hop destination \"{}\": ignoring attribute \"{}\" with TLS disabled",
                maps_.title(), key, words[i]);
            continue;
        }
        auto parts = split_name_value(words[i]);
        if (!parts) {
            std::string_view why = parts.error().message;
            return bad(format("malformed attribute/value pair \"{}\": {}", words[i],
                              why.substr(0, why.find(": \""))));
        }
        if (iequals(parts->name, "match") && !own_match) {
            own_match = true;
            policy.match.clear();
        }
        if (auto set = set_attribute(policy, parts->name, parts->value); !set) {
            return bad(set.error().message);
        }
    }
    if (policy.level == TlsLevel::kFingerprint && usable_fingerprints(policy.match) == 0) {
        return fail(Errc::kSyntax, format("nexthop domain {}: configured at fingerprint security "
                                          "level, but with no fingerprints to match.",
                                          key));
    }
    return policy;
}

Task<Result<TlsPolicy>> TlsPolicies::find(std::string nexthop) const {
    // What is no plain domain ("[host]:port") has only itself as key; a domain also has its
    // parents, with a dot before them.
    bool domain = is_hostname(nexthop);
    std::string key = nexthop;
    while (!maps_.empty()) {
        Lookup answer = co_await maps_.lookup(key);
        if (answer.is_found()) {
            co_return parse(answer.value(), key);
        }
        if (answer.is_error()) {
            co_return fail(Errc::kTemporary,
                           format("{}, next-hop destination \"{}\": policy table lookup error",
                                  maps_.title(), nexthop));
        }
        std::size_t dot = domain ? key.find('.', 1) : std::string::npos;
        if (dot == std::string::npos) {
            break;
        }
        key = key.substr(dot);
    }
    co_return defaults_for(default_level_);
}

}  // namespace relais::smtp_client
