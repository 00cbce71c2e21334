#include "lib/imap/header_fields.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais::imap {

namespace {

// The length of the first line with its line end.
std::size_t line_length(std::string_view text) {
    auto end = text.find('\n');
    return end == std::string_view::npos ? text.size() : end + 1;
}

bool is_empty_line(std::string_view line) {
    return line.empty() || line == "\n" || line == "\r\n";
}

std::size_t field_length(std::string_view text) {
    std::size_t length = line_length(text);
    while (length < text.size() && (text[length] == ' ' || text[length] == '\t')) {
        length += line_length(text.substr(length));
    }
    return length;
}

std::string without_line_ends(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool line_end = text[i] == '\n' || (text[i] == '\r' && text.substr(i + 1, 1) == "\n");
        if (!line_end) {
            out += text[i] == '\r' ? ' ' : text[i];
        }
    }
    return out;
}

}  // namespace

std::optional<HeaderField> HeaderWalk::next() {
    while (!is_empty_line(left_.substr(0, line_length(left_)))) {
        HeaderField field;
        field.whole = left_.substr(0, field_length(left_));
        left_.remove_prefix(field.whole.size());
        auto colon = field.whole.find(':');
        std::string_view name =
            trim_right(field.whole.substr(0, std::min(colon, field.whole.size())));
        bool named = colon != std::string_view::npos && colon > 0 &&
                     name.find_first_of(" \t\r\n") == std::string_view::npos;
        if (named) {
            field.name = name;
            field.value = trim_right(field.whole.substr(colon + 1), "\r\n");
        }
        if (named || other_ == Other::kGive) {
            return field;
        }
    }
    return std::nullopt;
}

std::optional<HeaderField> find_field(std::string_view header, std::string_view name) {
    HeaderWalk walk(header);
    while (auto field = walk.next()) {
        if (iequals(field->name, name)) {
            return field;
        }
    }
    return std::nullopt;
}

std::string unfold(std::string_view value) {
    return without_line_ends(trim(value));
}

std::string text_on_one_line(std::string_view value) {
    std::string_view first = value.substr(0, value.find('\n'));
    auto text = first.find_first_not_of(" \t\r");
    if (text == std::string_view::npos) {
        text = first.starts_with(' ') || first.starts_with('\t') ? 1 : 0;
    }
    return without_line_ends(value.substr(text));
}

std::string single_blanks(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (!is_blank(c)) {
            out += c;
        } else if (!out.ends_with(' ')) {
            out += ' ';
        }
    }
    return out;
}

}  // namespace relais::imap
