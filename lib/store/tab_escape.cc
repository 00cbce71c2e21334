#include "lib/store/tab_escape.h"

namespace relais {

std::string tab_escape(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '\001') {
            out += "\0011";
        } else if (c == '\t') {
            out += "\001t";
        } else if (c == '\n') {
            out += "\001n";
        } else if (c == '\r') {
            out += "\001r";
        } else if (c == '\0') {
            out += "\0010";
        } else {
            out += c;
        }
    }
    return out;
}

std::string tab_unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\001' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        char c = text[++i];
        out += c == '1'   ? '\001'
               : c == 't' ? '\t'
               : c == 'n' ? '\n'
               : c == 'r' ? '\r'
               : c == '0' ? '\0'
                          : c;
    }
    return out;
}

}  // namespace relais
