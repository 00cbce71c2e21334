// One logical line of an aliases(5) file: "name: value, value".
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

struct AliasEntry {
    std::string name;   // without quotes
    std::string value;  // one blank after each comma, quoted where it must be
};

[[nodiscard]] Result<AliasEntry> parse_alias(std::string_view line);

}  // namespace relais
