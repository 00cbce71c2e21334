// Parameters that still work and that Postfix means to drop: what to use in their place.  postconf
// warns of them; the programs that read them do not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

// The advice for the parameter, as postconf gives it; nothing for a parameter that stays.
[[nodiscard]] std::optional<std::string> deprecation_advice(std::string_view name);

// Where the advice is explained.
inline constexpr std::string_view kDeprecationGuide =
    "See https://www.postfix.org/DEPRECATION_README.html for details";

}  // namespace relais
