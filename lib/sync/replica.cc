#include "lib/sync/replica.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais {

std::string as_sync_guid(std::string text) {
    std::ranges::replace_if(text, [](char c) { return !is_print(c) || c == ' '; }, '_');
    return text.empty() ? "_" : text;
}

}  // namespace relais
