#include "tools/postconf/patterns.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::postconf {

namespace {

bool matches_part(std::string_view pattern, std::string_view text) {
    return pattern == "*" || pattern == text;
}

[[noreturn]] void bad_pattern(PatternDepth depth) {
    switch (depth) {
        case PatternDepth::kType:
            log_fatal("-M option requires service_name[/type]");
        case PatternDepth::kField:
            log_fatal("-F option requires service_name[/type[/field]]");
        case PatternDepth::kSetting:
            break;
    }
    log_fatal("-P option requires service_name[/type[/parameter]]");
}

}  // namespace

bool ServicePattern::matches(const Service& service) const {
    return matches_part(name, service.line.field(MasterField::kName)) &&
           matches_part(type, service.line.field(MasterField::kType));
}

ServicePattern parse_pattern(std::string_view text, PatternDepth depth) {
    auto parts = split_words(text, "/");
    std::size_t most = depth == PatternDepth::kType ? 2 : 3;
    if (parts.empty() || parts.size() > most) {
        bad_pattern(depth);
    }
    ServicePattern pattern;
    pattern.name = parts[0];
    if (parts.size() > 1) {
        pattern.type = parts[1];
    }
    if (parts.size() > 2) {
        pattern.detail = parts[2];
    }
    bool is_field = pattern.detail == "*" ||
                    std::ranges::find(kMasterFieldNames, pattern.detail) != kMasterFieldNames.end();
    if (depth == PatternDepth::kField && !is_field) {
        log_fatal("invalid service attribute name: \"{}\"", pattern.detail);
    }
    return pattern;
}

}  // namespace relais::postconf
