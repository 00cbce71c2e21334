#include "lib/maps/query_template.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

Result<QueryTemplate> QueryTemplate::parse(std::string_view text, std::string_view source) {
    for (std::size_t at = text.find('%'); at != std::string_view::npos;
         at = text.find('%', at + 2)) {
        constexpr std::string_view kKnown = "%sudSUD123456789";
        if (at + 1 == text.size() || !kKnown.contains(text[at + 1])) {
            return fail(Errc::kSyntax,
                        format("db_common_parse: {}: Invalid query template: {}", source, text));
        }
    }
    return QueryTemplate(std::string(text));
}

std::expected<std::string, QueryTemplate::Skip> QueryTemplate::expand(std::string_view key) const {
    if (key.empty()) {
        return std::unexpected(Skip::kEmptyKey);
    }
    auto parts = split_last(key, '@');
    std::string_view local = parts ? parts->first : key;
    std::string_view domain = parts ? parts->second : std::string_view();
    auto labels = split_fields(domain, '.');
    std::string out;
    for (std::size_t i = 0; i < text_.size(); ++i) {
        if (text_[i] != '%') {
            out += text_[i];
            continue;
        }
        char letter = text_[++i];
        std::string_view part = key;
        if (letter == '%') {
            part = "%";
        } else if (to_lower(letter) == 'u') {
            part = local;
        } else if (to_lower(letter) == 'd') {
            part = domain;
        } else if (is_digit(letter)) {
            auto number = static_cast<std::size_t>(letter - '0');
            part = number <= labels.size() ? labels[labels.size() - number] : std::string_view();
        }
        if (part.empty()) {
            return std::unexpected(Skip::kEmptyExpansion);
        }
        out += part;
    }
    return out;
}

}  // namespace relais
