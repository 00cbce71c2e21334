// Internationalized domain names (RFC 5890, UTS #46): "grå.org" and "xn--gr-zia.org".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

// The A-label or U-label form; nothing for a name that has none.  Plain ASCII names without "xn--"
// come back as they are.
[[nodiscard]] std::optional<std::string> domain_to_ascii(std::string_view name);
// In the old way, as enable_idna2003_compatibility wants it: the standards disagree on a few
// letters, such as the German sharp s.  "faß.de" is "xn--fa-hia.de", and here "fass.de".
[[nodiscard]] std::optional<std::string> domain_to_ascii_2003(std::string_view name);
[[nodiscard]] std::optional<std::string> domain_to_utf8(std::string_view name);

}  // namespace relais
