// Does the name in a certificate match the name that is wanted?  RFC 6125, with Postfix's patterns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais {

enum class WildcardLabels { kOne, kMany };

// `wanted` is a host name, or ".domain" for any name below it.  `presented` comes from the
// certificate and may begin with "*."; the wildcard stands for one label, or for one and more
// (tls_wildcard_matches_multiple_labels).
[[nodiscard]] bool tls_name_matches(std::string_view presented, std::string_view wanted,
                                    WildcardLabels labels);

[[nodiscard]] bool tls_any_name_matches(const std::vector<std::string>& presented,
                                        const std::vector<std::string>& wanted,
                                        WildcardLabels labels);

// Turns the words of smtp_tls_verify_cert_match (hostname, nexthop, dot-nexthop, names, ".domain")
// into patterns.  Separators: blanks, comma, colon.
[[nodiscard]] std::vector<std::string> tls_match_patterns(std::string_view words,
                                                          std::string_view hostname,
                                                          std::string_view nexthop);

}  // namespace relais
