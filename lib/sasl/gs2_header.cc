#include "lib/sasl/gs2_header.h"

#include "lib/base/strings.h"

namespace relais {

std::optional<std::string> decode_gs2_name(std::string_view text) {
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            name += text[i];
            continue;
        }
        std::string_view code = text.substr(i, 3);
        if (code != "=2C" && code != "=3D") {
            return std::nullopt;
        }
        name += code == "=2C" ? ',' : '=';
        i += 2;
    }
    return name.empty() || name.contains('\0') ? std::nullopt : std::optional(std::move(name));
}

std::optional<Gs2Header> parse_gs2_header(std::string_view message) {
    auto first = split_first(message, ',');
    auto second = first ? split_first(first->second, ',') : std::nullopt;
    if (!second || first->first.empty()) {
        return std::nullopt;
    }
    Gs2Header header;
    header.flag = first->first.front();
    bool binds = first->first.starts_with("p=") && first->first.size() > 2;
    if (!binds && first->first != "n" && first->first != "y") {
        return std::nullopt;
    }
    header.binding = binds ? first->first.substr(2) : "";
    header.length = first->first.size() + second->first.size() + 2;
    if (second->first.empty()) {
        return header;
    }
    auto name =
        second->first.starts_with("a=") ? decode_gs2_name(second->first.substr(2)) : std::nullopt;
    if (!name) {
        return std::nullopt;
    }
    header.authorization = std::move(*name);
    return header;
}

}  // namespace relais
