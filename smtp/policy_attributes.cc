// The attributes in a value of smtp_tls_policy_maps: "match=.example.com ciphers=high".
#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/mail/hostname.h"

#include "smtp/tls_policy.h"

namespace relais::smtp_client {

namespace {

// A plug-in tells a policy that somebody has published.
constexpr std::size_t kMostPublished = 200;

std::unexpected<Error> bad_value(std::string_view name, std::string_view value) {
    return fail(Errc::kSyntax, format("attribute \"{}\" has bad value: \"{}\"", name, value));
}

Result<void> wrong_level(const TlsPolicy& policy, std::string_view name) {
    return fail(Errc::kSyntax, format("attribute \"{}\" invalid at security level \"{}\"", name,
                                      tls_level_name(policy.level)));
}

Result<void> set_flag(bool& flag, std::string_view name, std::string_view value) {
    if (!iequals(value, "yes") && !iequals(value, "no")) {
        return bad_value(name, value);
    }
    flag = iequals(value, "yes");
    return {};
}

Result<void> add_match(TlsPolicy& policy, std::string_view name, std::string_view value,
                       bool first) {
    const bool dane = policy.level > TlsLevel::kFingerprint && policy.level < TlsLevel::kVerify;
    if (policy.level < TlsLevel::kFingerprint || dane) {
        return wrong_level(policy, name);
    }
    // "|" separates fingerprints, ":" names: a fingerprint has ":" inside.
    std::string words(value);
    for (char& c : words) {
        c = c == '|' || (c == ':' && policy.level != TlsLevel::kFingerprint) ? ' ' : c;
    }
    policy.match = first || policy.match.empty() ? words : policy.match + " " + words;
    return {};
}

template <std::size_t Size>
Result<void> set_word(std::string& word, std::string_view name, std::string_view value,
                      const std::array<std::string_view, Size>& known) {
    const auto found =
        std::ranges::find_if(known, [&](std::string_view one) { return iequals(one, value); });
    if (found == known.end()) {
        return bad_value(name, value);
    }
    word = *found;
    return {};
}

Result<void> add_one(std::vector<std::string>& list, std::string_view name,
                     std::string_view value) {
    if (list.size() == kMostPublished) {
        return fail(Errc::kTooLarge, format("attribute \"{}\" is there too often", name));
    }
    list.emplace_back(value);
    return {};
}

// What plug-ins tell since Postfix 3.10.  Nothing: it is none of these attributes.
std::optional<Result<void>> set_published(PublishedPolicy& policy, std::string_view name,
                                          std::string_view value) {
    static constexpr std::array<std::string_view, 2> kTypes{"sts", "no-policy-found"};
    static constexpr std::array<std::string_view, 3> kFailures{
        "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"};
    if (iequals(name, "policy_type")) {
        return set_word(policy.type, name, value, kTypes);
    }
    if (iequals(name, "policy_failure")) {
        return set_word(policy.failure, name, value, kFailures);
    }
    if (iequals(name, "policy_domain")) {
        policy.domain = value;
        return is_hostname(value) ? Result<void>() : bad_value(name, value);
    }
    if (iequals(name, "policy_ttl")) {
        const auto seconds = parse_uint(value);
        if (!seconds || *seconds > 0x7fffffff) {
            return bad_value(name, value);
        }
        policy.ttl = static_cast<long>(*seconds);
        return Result<void>();
    }
    if (iequals(name, "policy_string")) {
        return add_one(policy.strings, name, value);
    }
    if (iequals(name, "mx_host_pattern")) {
        return add_one(policy.mx_patterns, name, value);
    }
    return std::nullopt;
}

}  // namespace

Result<void> set_policy_attribute(TlsPolicy& policy, std::string_view name, std::string_view value,
                                  bool first) {
    if (iequals(name, "protocols")) {
        policy.own.protocols = value;
        return {};
    }
    if (iequals(name, "exclude")) {
        policy.own.exclude_ciphers = value;
        return {};
    }
    const bool needs_value =
        iequals(name, "ciphers") || iequals(name, "match") || iequals(name, "tafile");
    if (value.empty() && needs_value) {
        return fail(Errc::kSyntax, format("attribute \"{}\" has empty value", name));
    }
    if (iequals(name, "ciphers")) {
        policy.own.cipher_grade = value;
        return {};
    }
    if (iequals(name, "match")) {
        return add_match(policy, name, value, first);
    }
    if (iequals(name, "tafile")) {
        if (policy.level < TlsLevel::kVerify) {
            return wrong_level(policy, name);
        }
        return add_one(policy.trust_anchor_files, name, value);
    }
    if (iequals(name, "servername")) {
        if (!is_hostname(value)) {
            return fail(Errc::kSyntax,
                        format("\"{}={}\" specifies an invalid hostname", name, value));
        }
        policy.server_name = value;
        return {};
    }
    if (iequals(name, "connection_reuse")) {
        return set_flag(policy.reuse_connections, name, value);
    }
    if (iequals(name, "enable_rpk")) {
        return set_flag(policy.raw_keys, name, value);
    }
    if (auto set = set_published(policy.published, name, value)) {
        return *set;
    }
    return fail(Errc::kSyntax, format("invalid attribute name: \"{}\"", name));
}

}  // namespace relais::smtp_client
