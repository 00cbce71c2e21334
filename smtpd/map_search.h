// The table of a check_*_access restriction: type:name, or { type:name, { search_order = ... } }.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::smtpd {

// What of a client's certificate is looked up.
enum class CertificateKey { kCertificate, kPublicKey };

struct MapSearch {
    std::string table;
    std::optional<std::vector<CertificateKey>> order;  // not set: the usual one
};

// Nothing for what makes no sense; a warning says what.
[[nodiscard]] std::optional<MapSearch> parse_map_search(std::string_view text);

}  // namespace relais::smtpd
