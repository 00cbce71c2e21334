#include "lib/tls/tls_names.h"

#include "lib/base/strings.h"

namespace relais {

static bool wildcard_matches(std::string_view tail, std::string_view wanted,
                             WildcardLabels labels) {
    // `tail` is ".example.com" of "*.example.com".  It must have two labels of its own, so that
    // nobody owns a whole top-level domain.
    if (tail.substr(1).find('.') == std::string_view::npos || wanted.size() <= tail.size() ||
        !iends_with(wanted, tail)) {
        return false;
    }
    std::string_view head = wanted.substr(0, wanted.size() - tail.size());
    return labels == WildcardLabels::kMany || head.find('.') == std::string_view::npos;
}

bool tls_name_matches(std::string_view presented, std::string_view wanted, WildcardLabels labels) {
    presented = trim_right(presented, ".");
    wanted = trim_right(wanted, ".");
    if (presented.empty() || wanted.empty()) {
        return false;
    }
    if (wanted.starts_with('.')) {
        std::string_view name = presented.starts_with("*.") ? presented.substr(1) : presented;
        if (presented.starts_with("*.") && iequals(name, wanted)) {
            return true;
        }
        return name.size() > wanted.size() && iends_with(name, wanted);
    }
    if (presented.starts_with("*.")) {
        return wildcard_matches(presented.substr(1), wanted, labels);
    }
    return iequals(presented, wanted);
}

bool tls_any_name_matches(const std::vector<std::string>& presented,
                          const std::vector<std::string>& wanted, WildcardLabels labels) {
    for (const std::string& name : presented) {
        for (const std::string& pattern : wanted) {
            if (tls_name_matches(name, pattern, labels)) {
                return true;
            }
        }
    }
    return false;
}

std::vector<std::string> tls_match_patterns(std::string_view words, std::string_view hostname,
                                            std::string_view nexthop) {
    std::vector<std::string> patterns;
    for (std::string_view word : split_words(words, " \t\r\n,:")) {
        if (iequals(word, "hostname")) {
            patterns.emplace_back(hostname);
        } else if (iequals(word, "nexthop")) {
            patterns.emplace_back(nexthop);
        } else if (iequals(word, "dot-nexthop")) {
            patterns.push_back("." + std::string(nexthop));
        } else {
            patterns.emplace_back(word);
        }
    }
    return patterns;
}

}  // namespace relais
