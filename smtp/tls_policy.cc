#include "smtp/tls_policy.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"
#include "lib/mail/hostname.h"
#include "lib/tls/tls_settings.h"
#include "lib/tls/trust_anchors.h"

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
    trust_anchor_file_ = text("_tls_trust_anchor_file");
    block_early_replies_ = flag("_tls_block_early_mail_reply");
    raw_keys_ = flag("_tls_enable_rpk");
    enforce_mx_patterns_ = flag("_tls_enforce_sts_mx_patterns");
}

TlsPolicy TlsPolicies::at_level(TlsPolicy policy, TlsLevel level) const {
    const bool mandatory = level >= TlsLevel::kEncrypt;
    policy.level = level;
    policy.protocols = policy.own.protocols.value_or(mandatory ? mandatory_protocols_ : protocols_);
    policy.cipher_grade =
        policy.own.cipher_grade.value_or(mandatory ? mandatory_ciphers_ : ciphers_);
    policy.exclude_ciphers = policy.own.exclude_ciphers.value_or(
        mandatory ? exclude_ + " " + mandatory_exclude_ : exclude_);
    // At least encrypted; from fingerprint on, lib/tls sees to it that there is a certificate.
    policy.exclude_ciphers += level == TlsLevel::kEncrypt ? " eNULL" : "";
    return policy;
}

TlsPolicy TlsPolicies::defaults_for(TlsLevel level) const {
    TlsPolicy policy;
    policy.server_name = server_name_;
    policy.reuse_connections = reuse_connections_;
    policy.raw_keys = raw_keys_;
    policy.published.ttl = -1;
    if (level == TlsLevel::kFingerprint) {
        policy.match = fingerprint_match_;
    } else if (level == TlsLevel::kVerify) {
        policy.match = verify_match_;
    } else if (level == TlsLevel::kSecure) {
        policy.match = secure_match_;
    }
    return at_level(std::move(policy), level);
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

// "{ policy_string = a b }" keeps blanks in a value.
Result<void> TlsPolicies::read_attributes(TlsPolicy& policy, std::string_view text,
                                          std::string_view key) const {
    bool own_match = false;
    for (const auto& word : split_list(text)) {
        if (policy.level == TlsLevel::kNone) {
            log_warning(
                "{}, next-hop destination \"{}\": ignoring attribute \"{}\" with TLS disabled",
                maps_.title(), key, word);
            continue;
        }
        const auto attribute = parse_assignment(word);
        if (!attribute) {
            std::string_view why = attribute.error().message;
            return fail(Errc::kSyntax, format("malformed attribute/value pair \"{}\": {}", word,
                                              why.substr(0, why.find(": \""))));
        }
        const bool first = !own_match;
        own_match = own_match || iequals(attribute->name, "match");
        if (auto set = set_policy_attribute(policy, attribute->name, attribute->value, first);
            !set) {
            return set;
        }
    }
    return {};
}

// What must be there before the policy can be used.
Result<TlsPolicy> TlsPolicies::complete(TlsPolicy policy, std::string_view key) const {
    if (policy.level == TlsLevel::kFingerprint && usable_fingerprints(policy.match) == 0) {
        return fail(Errc::kSyntax, format("nexthop domain {}: configured at fingerprint security "
                                          "level, but with no fingerprints to match.",
                                          key));
    }
    if (policy.level >= TlsLevel::kVerify) {
        if (policy.trust_anchor_files.empty() && !trust_anchor_file_.empty()) {
            policy.trust_anchor_files = {trust_anchor_file_};
        }
        for (const auto& file : policy.trust_anchor_files) {
            auto anchors = read_trust_anchors(file);
            if (!anchors) {
                return fail_with(anchors);
            }
            policy.tlsa.insert(policy.tlsa.end(), anchors->begin(), anchors->end());
        }
    }
    // RFC 8461 4.1: the policy says which hosts may serve, and each must show its own name.
    const auto& published = policy.published;
    if (enforce_mx_patterns_ && policy.level == TlsLevel::kSecure && published.type == "sts" &&
        !published.mx_patterns.empty()) {
        policy.match = "hostname";
    }
    const auto level = policy.level;
    return at_level(std::move(policy), level);
}

Result<TlsPolicy> TlsPolicies::parse(std::string_view value, std::string_view key) const {
    auto bad = [&](std::string_view what) {
        return fail(Errc::kSyntax,
                    format("{}, next-hop destination \"{}\": {}", maps_.title(), key, what));
    };
    const auto begin = value.find_first_not_of(kListSeparators);
    if (begin == std::string_view::npos) {
        return bad("invalid empty policy");
    }
    value.remove_prefix(begin);
    const auto end = std::min(value.find_first_of(kListSeparators), value.size());
    const auto word = value.substr(0, end);
    auto level = parse_tls_level(word);
    if (!level) {
        return bad(format("invalid security level \"{}\"", word));
    }
    TlsPolicy policy = defaults_for(*level);
    if (auto read = read_attributes(policy, value.substr(end), key); !read) {
        return bad(read.error().message);
    }
    return complete(std::move(policy), key);
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
    co_return complete(defaults_for(default_level_), nexthop);
}

}  // namespace relais::smtp_client
