#include "lib/mail/orcpt.h"

#include <cstdint>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/mail/dsn.h"

namespace relais {

namespace {

// Takes the first character off well-formed UTF-8 that is not empty.
std::uint32_t take_rune(std::string_view& text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    std::uint32_t rune = more == 0 ? lead : lead & (0x3fU >> more);
    for (const char c : text.substr(1, more)) {
        rune = rune << 6 | (static_cast<unsigned char>(c) & 0x3fU);
    }
    text.remove_prefix(1 + more);
    return rune;
}

}  // namespace

std::string unitext_encode(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::uint32_t rune = take_rune(text);
        if (rune > ' ' && rune < 127 && rune != '+' && rune != '=' && rune != '\\') {
            out += static_cast<char>(rune);
        } else {
            out += format("\\x{{{:02X}}}", rune);
        }
    }
    return out;
}

std::string format_orcpt(std::string_view queued) {
    const auto parts = split_first(queued, ';');
    if (!parts) {
        return xtext_encode(queued, "=");
    }
    const bool unicode = iequals(parts->first, "utf-8") && is_utf8(parts->second);
    return format("{};{}", xtext_encode(parts->first, "="),
                  unicode ? unitext_encode(parts->second) : xtext_encode(parts->second, "="));
}

}  // namespace relais
