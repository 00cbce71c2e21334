#include "lib/pop3/uidl_format.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::pop3 {

namespace {

constexpr std::size_t kMaxWidth = 200;

constexpr std::array<std::pair<std::string_view, char>, 5> kLongNames = {
    {{"filename", 'f'}, {"guid", 'g'}, {"md5", 'm'}, {"uid", 'u'}, {"uidvalidity", 'v'}}};

char variable_named(std::string_view name) {
    auto found = std::ranges::find(kLongNames, name, &std::pair<std::string_view, char>::first);
    return found != kLongNames.end() ? found->second : '\0';
}

std::string modified(std::string value, char modifier) {
    switch (modifier) {
        case 'L':
            return lowercase(value);
        case 'U':
            return uppercase(value);
        case 'X': {
            auto number = parse_uint(value);
            return format("{:x}", number.value_or(0));
        }
        case 'R':
            std::ranges::reverse(value);
            return value;
        default:
            return std::string(trim(value));
    }
}

std::string value_of(char variable, const UidlValues& values) {
    switch (variable) {
        case 'u':
            return std::to_string(values.uid);
        case 'v':
            return std::to_string(values.uid_validity);
        case 'f':
            return std::string(values.file_name);
        default:
            return std::string(values.guid);
    }
}

std::size_t take_digits(std::string_view& text) {
    std::size_t value = 0;
    while (!text.empty() && is_digit(text.front())) {
        value = std::min(value * 10 + static_cast<std::size_t>(text.front() - '0'), kMaxWidth);
        text.remove_prefix(1);
    }
    return value;
}

}  // namespace

// Behind the percent sign.
Result<void> UidlFormat::take_variable(std::string_view& text, Piece& piece) {
    bool negative = text.starts_with('-');
    text.remove_prefix(negative ? 1 : 0);
    piece.pad = text.starts_with('0');
    piece.width = take_digits(text);
    if (text.starts_with('.')) {
        piece.offset = static_cast<std::int64_t>(piece.width) * (negative ? -1 : 1);
        text.remove_prefix(1);
        piece.pad = text.starts_with('0');
        piece.width = take_digits(text);
    }
    while (!text.empty() && std::string_view("LUXRT").contains(text.front())) {
        piece.modifiers += text.front();
        text.remove_prefix(1);
    }
    auto brace = text.starts_with('{') ? text.find('}') : std::string_view::npos;
    std::string_view name = text.substr(0, brace == std::string_view::npos ? 1 : brace + 1);
    text.remove_prefix(name.size());
    piece.variable = name.size() > 1 ? variable_named(name.substr(1, name.size() - 2))
                     : std::string_view("uvfgm").contains(name) && !name.empty() ? name.front()
                                                                                 : '\0';
    if (piece.variable == 'm') {
        return fail(Errc::kSyntax, "%m identifies messages of mbox files, not of Maildirs");
    }
    if (piece.variable == '\0') {
        return fail(Errc::kSyntax, format("%{} is not known", printable(name)));
    }
    return {};
}

Result<UidlFormat> UidlFormat::parse(std::string_view text) {
    UidlFormat made;
    Piece piece;
    while (!text.empty()) {
        if (text.starts_with("%%") || text.front() != '%') {
            piece.literal += text.front();
            text.remove_prefix(text.starts_with("%%") ? 2 : 1);
            continue;
        }
        text.remove_prefix(1);
        auto taken = take_variable(text, piece);
        if (!taken) {
            return fail_with(taken);
        }
        made.needs_names_ |= piece.variable == 'f' || piece.variable == 'g';
        made.pieces_.push_back(std::exchange(piece, {}));
    }
    if (made.pieces_.empty()) {
        return fail(Errc::kSyntax, "it has no variable, so that all messages would be the same");
    }
    made.pieces_.push_back(std::move(piece));
    return made;
}

void UidlFormat::append_value(std::string& out, const Piece& piece, std::string value) {
    for (char modifier : piece.modifiers) {
        value = modified(std::move(value), modifier);
    }
    auto size = static_cast<std::int64_t>(value.size());
    std::int64_t from = piece.offset < 0 ? std::max(size + piece.offset, std::int64_t{0})
                                         : std::min(piece.offset, size);
    value.erase(0, static_cast<std::size_t>(from));
    if (piece.pad && value.size() < piece.width) {
        out.append(piece.width - value.size(), '0');
    } else if (!piece.pad && piece.width != 0) {
        value.resize(std::min(value.size(), piece.width));
    }
    out += value;
}

std::string UidlFormat::expand(const UidlValues& values) const {
    std::string out;
    for (const Piece& piece : pieces_) {
        out += piece.literal;
        bool number = piece.variable == 'u' || piece.variable == 'v';
        if (number && piece.pad && piece.offset == 0 && piece.modifiers == "X") {
            // The default, for mailboxes with very many messages.
            out += format("{:0{}x}", piece.variable == 'u' ? values.uid : values.uid_validity,
                          piece.width);
        } else if (piece.variable != '\0') {
            append_value(out, piece, value_of(piece.variable, values));
        }
    }
    return out;
}

}  // namespace relais::pop3
