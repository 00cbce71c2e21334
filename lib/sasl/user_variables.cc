#include "lib/sasl/user_variables.h"

#include "lib/base/strings.h"

namespace relais {

namespace {

std::string_view value_of(char letter, std::string_view user, std::string_view home) {
    auto at = user.rfind('@');
    switch (letter) {
        case 'u':
            return user;
        case 'n':
            return user.substr(0, at);
        case 'd':
            return at == std::string_view::npos ? std::string_view() : user.substr(at + 1);
        case 'h':
            return home;
        case '%':
            return "%";
        default:
            return {};
    }
}

}  // namespace

std::string expand_user_variables(std::string_view text, std::string_view user,
                                  std::string_view home) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        bool lower = text[i + 1] == 'L' && i + 2 < text.size();
        i += lower ? 2 : 1;
        std::string_view value = value_of(text[i], user, home);
        out += lower ? lowercase(value) : std::string(value);
    }
    return out;
}

}  // namespace relais
