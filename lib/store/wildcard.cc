#include "lib/store/wildcard.h"

namespace relais {

bool wildcard_matches(std::string_view mask, std::string_view text) {
    std::size_t m = 0;
    std::size_t t = 0;
    std::size_t star =
        std::string_view::npos;  // behind the last "*", and what it stands for so far
    std::size_t taken = 0;
    while (t < text.size()) {
        if (m < mask.size() && mask[m] == '*') {
            star = ++m;
            taken = t;
        } else if (m < mask.size() && (mask[m] == '?' || mask[m] == text[t])) {
            ++m;
            ++t;
        } else if (star != std::string_view::npos) {
            m = star;
            t = ++taken;
        } else {
            return false;
        }
    }
    return mask.substr(m).find_first_not_of('*') == std::string_view::npos;
}

}  // namespace relais
