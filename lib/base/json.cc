#include "lib/base/json.h"

#include "lib/base/format.h"

namespace relais {

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += format("\\u{:04X}", int{byte});
        } else {
            out += c;
        }
    }
    return out + "\"";
}

}  // namespace relais
