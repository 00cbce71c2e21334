#include "lib/sync/replica.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais {

std::string as_sync_guid(std::string text) {
    std::ranges::replace_if(text, [](char c) { return !is_print(c) || c == ' '; }, '_');
    return text.empty() ? "_" : text;
}

std::uint64_t sync_digest(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325;
    for (char c : text) {
        value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return value;
}

}  // namespace relais
