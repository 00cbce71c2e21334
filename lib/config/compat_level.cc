#include "lib/config/compat_level.h"

#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::uint64_t kMaxMajor = 2047;
constexpr std::uint64_t kMaxMinor = 1023;

}  // namespace

std::optional<std::int64_t> parse_compat_level(std::string_view text) {
    auto fields = split_fields(trim(text), '.');
    if (fields.size() > 3) {
        return {};
    }
    std::int64_t level = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        std::uint64_t part = 0;
        if (i < fields.size()) {
            auto number = parse_uint(fields[i]);
            if (!number || *number > (i == 0 ? kMaxMajor : kMaxMinor)) {
                return {};
            }
            part = *number;
        }
        level = level << 10 | static_cast<std::int64_t>(part);
    }
    return level;
}

}  // namespace relais
