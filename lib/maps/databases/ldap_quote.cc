#include "lib/maps/databases/ldap_quote.h"

#include "lib/base/format.h"

namespace relais {

namespace {

void escape(char c, std::string& out) {
    out += format("\\{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
}

}  // namespace

bool quote_ldap_filter(std::string_view text, std::string& out) {
    constexpr std::string_view kSpecial("*()\\\0", 5);
    for (char c : text) {
        if (kSpecial.contains(c)) {
            escape(c, out);
        } else {
            out += c;
        }
    }
    return true;
}

// Blanks at the ends and a leading '#' mean something too.
bool quote_ldap_name(std::string_view text, std::string& out) {
    constexpr std::string_view kSpecial("\"+,;<>\\=\0", 9);
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        bool at_end = i == 0 || i + 1 == text.size();
        if (kSpecial.contains(c) || (c == ' ' && at_end) || (c == '#' && i == 0)) {
            escape(c, out);
        } else {
            out += c;
        }
    }
    return true;
}

}  // namespace relais
