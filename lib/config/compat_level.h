// compatibility_level: "major[.minor[.patch]]", compared as one number.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace relais {

// major << 20 | minor << 10 | patch; nothing for text of another form.
[[nodiscard]] std::optional<std::int64_t> parse_compat_level(std::string_view text);

}  // namespace relais
