#include "lib/base/escape.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

std::string escaped(std::string_view bytes) {
    constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\";
    constexpr std::string_view kLetters = "abfnrtv\\";
    std::string out;
    for (const char c : bytes) {
        if (const auto known = kBytes.find(c); known != std::string_view::npos) {
            out += '\\';
            out += kLetters[known];
        } else if (is_print(c)) {
            out += c;
        } else {
            out += format("\\{:03o}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

}  // namespace relais
