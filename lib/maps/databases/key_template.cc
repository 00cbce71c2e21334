#include "lib/maps/databases/key_template.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

struct KeyTemplates::Parts {
    std::string_view whole;
    std::string_view user;    // all of it where there is no domain
    std::string_view domain;  // behind the last '@'
    bool has_at = false;
    std::vector<std::string_view> labels;
};

bool quote_nothing(std::string_view text, std::string& out) {
    out += text;
    return true;
}

Result<bool> KeyTemplates::inspect(std::string_view text, Use use) {
    bool dynamic = false;
    bool query = use == Use::kQuery;
    for (std::size_t at = text.find('%'); at != std::string_view::npos;
         at = text.find('%', at + 2)) {
        char letter = at + 1 < text.size() ? text[at + 1] : '\0';
        dynamic = dynamic || letter != '%';
        switch (letter) {
            case '%':
            case 's':
            case 'S':
                break;
            case 'u':
                (query ? key_user_ : value_user_) = true;
                break;
            case 'd':
                (query ? key_domain_ : value_domain_) = true;
                break;
            case 'U':
                key_user_ = true;
                break;
            case 'D':
                key_domain_ = true;
                break;
            default:
                if (letter < '1' || letter > '9') {
                    return fail(Errc::kSyntax,
                                format("db_common_parse: {}: Invalid {} template: {}", title_,
                                       query ? "query" : "result", text));
                }
                key_domain_ = true;
                labels_ = std::max(labels_, static_cast<std::size_t>(letter - '0'));
        }
    }
    return dynamic;
}

namespace {

template <class Parts>
Parts split(std::string_view text) {
    Parts parts;
    parts.whole = text;
    parts.user = text;
    if (auto halves = split_last(text, '@')) {
        parts.user = halves->first;
        parts.domain = halves->second;
        parts.has_at = true;
    }
    return parts;
}

}  // namespace

std::optional<KeyTemplates::Parts> KeyTemplates::parts_of_key(std::string_view key) const {
    auto parts = split<Parts>(key);
    if ((key_domain_ && parts.domain.empty()) ||
        (key_user_ && parts.has_at && parts.user.empty())) {
        return std::nullopt;
    }
    if (labels_ > 0) {
        parts.labels = split_words(parts.domain, ".");
        if (parts.labels.size() < labels_) {
            return std::nullopt;
        }
    }
    return parts;
}

bool KeyTemplates::append(std::string_view text, const Parts& whole, const Parts& key,
                          const Quote& quote, std::string& out) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%' || at + 1 == text.size()) {
            out += text[at];
            continue;
        }
        char letter = text[++at];
        std::string_view piece;
        switch (letter) {
            case '%':
                out += '%';
                continue;
            case 's':
                piece = whole.whole;
                break;
            case 'u':
                piece = whole.user;
                break;
            case 'd':
                piece = whole.domain;
                break;
            case 'S':
                piece = key.whole;
                break;
            case 'U':
                piece = key.user;
                break;
            case 'D':
                piece = key.domain;
                break;
            default:
                piece = key.labels[key.labels.size() - static_cast<std::size_t>(letter - '0')];
        }
        if (!quote(piece, out)) {
            return false;
        }
    }
    return true;
}

std::optional<std::string> KeyTemplates::query(std::string_view text, std::string_view key,
                                               const Quote& quote) const {
    if (key.empty()) {
        log_warning("table \"{}\": empty query string -- ignored", reference_);
        return std::nullopt;
    }
    auto parts = parts_of_key(key);
    std::string out;
    if (!parts || !append(text, *parts, *parts, quote, out)) {
        return std::nullopt;
    }
    return out;
}

bool KeyTemplates::add_result(std::string_view text, std::string_view value, std::string_view key,
                              std::string& result) const {
    if (value.empty()) {
        log_warning("table \"{}\": empty lookup result for: \"{}\" -- ignored", reference_,
                    printable(key));
        return false;
    }
    auto parts = split<Parts>(value);
    bool needs_parts = value_user_ || value_domain_;
    if (needs_parts && ((value_domain_ && parts.domain.empty()) ||
                        (value_user_ && parts.has_at && parts.user.empty()))) {
        return false;
    }
    auto key_parts = parts_of_key(key);
    if (!key_parts) {
        return false;
    }
    if (!result.empty()) {
        result += ',';
    }
    return append(text, parts, *key_parts, quote_nothing, result);
}

}  // namespace relais
