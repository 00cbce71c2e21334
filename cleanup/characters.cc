#include "cleanup/characters.h"

#include <algorithm>
#include <array>
#include <utility>

namespace relais::cleanup {

namespace {

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

// The byte that `text` begins with, which is taken off.
unsigned take_byte(std::string_view& text) {
    char c = text.front();
    text.remove_prefix(1);
    if (c != '\\' || text.empty()) {
        return static_cast<unsigned char>(c);
    }
    if (is_octal(text.front())) {
        unsigned value = 0;
        for (int digits = 0; digits < 3 && !text.empty() && is_octal(text.front()); ++digits) {
            value = value * 8 + static_cast<unsigned>(text.front() - '0');
            text.remove_prefix(1);
        }
        return value & 0xFFU;
    }
    c = text.front();
    text.remove_prefix(1);
    constexpr std::array<std::pair<char, char>, 7> kLetters = {{{'a', '\a'},
                                                                {'b', '\b'},
                                                                {'f', '\f'},
                                                                {'n', '\n'},
                                                                {'r', '\r'},
                                                                {'t', '\t'},
                                                                {'v', '\v'}}};
    const auto* known = std::ranges::find(kLetters, c, &std::pair<char, char>::first);
    return static_cast<unsigned char>(known == kLetters.end() ? c : known->second);
}

}  // namespace

Characters::Characters(std::string_view text) {
    while (!text.empty()) {
        set_.set(take_byte(text));
    }
}

bool Characters::any_in(std::string_view line) const {
    return !empty() && std::ranges::any_of(line, [this](char c) { return has(c); });
}

void Characters::strip(std::string& line) const {
    std::erase_if(line, [this](char c) { return has(c); });
}

}  // namespace relais::cleanup
