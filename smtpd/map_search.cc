#include "smtpd/map_search.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais::smtpd {
namespace {

constexpr std::string_view kBlanks = ", \t\r\n";

bool parse_order(std::string_view words, std::string_view whole, MapSearch& search) {
    auto& order = search.order.emplace();
    for (const auto word : split_words(words, kBlanks)) {
        if (iequals(word, "cert_fingerprint")) {
            order.push_back(CertificateKey::kCertificate);
        } else if (iequals(word, "pubkey_fingerprint")) {
            order.push_back(CertificateKey::kPublicKey);
        } else {
            log_warning("unknown search type '{}' in '{}'", word, whole);
            return false;
        }
    }
    return true;
}

bool parse_attribute(std::string_view text, std::string_view whole, MapSearch& search) {
    const auto equals = text.find('=');
    const auto name = trim(text.substr(0, equals), kBlanks);
    if (equals == std::string_view::npos) {
        log_warning("missing '=' after attribute name in '{}': '{}'", whole, name);
        return false;
    }
    if (!iequals(name, "search_order")) {
        log_warning("unknown map attribute in '{}': '{}'", whole, name);
        return false;
    }
    return parse_order(text.substr(equals + 1), whole, search);
}

// Without its braces.
std::string_view inside(std::string_view text) {
    text.remove_prefix(1);
    text.remove_suffix(text.ends_with('}') ? 1 : 0);
    return trim(text, kBlanks);
}

}  // namespace

std::optional<MapSearch> parse_map_search(std::string_view text) {
    if (!text.starts_with('{')) {
        return MapSearch{std::string(text), std::nullopt};
    }
    const auto words = split_list(inside(text));
    MapSearch search;
    if (words.empty()) {
        log_warning("empty map specification: '{}'", text);
        return std::nullopt;
    }
    search.table = words.front();
    for (std::size_t i = 1; i < words.size(); ++i) {
        const bool braced = words[i].starts_with('{');
        if (!parse_attribute(braced ? inside(words[i]) : words[i], text, search)) {
            return std::nullopt;
        }
    }
    return search;
}

}  // namespace relais::smtpd
