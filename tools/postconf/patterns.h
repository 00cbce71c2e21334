// What -M, -F and -P arguments name: "smtp", "smtp/inet", "*/inet/chroot"; "*" stands for any.
#pragma once

#include <string>
#include <string_view>

#include "tools/postconf/model.h"

namespace relais::postconf {

enum class PatternDepth { kType, kField, kSetting };

struct ServicePattern {
    std::string name = "*";
    std::string type = "*";
    std::string detail = "*";  // a field or a parameter

    [[nodiscard]] bool matches(const Service& service) const;
};

// For showing: parts that are not given stand for any.  Ends the program where there are too many
// parts or a field that is none.
[[nodiscard]] ServicePattern parse_pattern(std::string_view text, PatternDepth depth);

}  // namespace relais::postconf
