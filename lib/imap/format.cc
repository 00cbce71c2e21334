#include "lib/imap/format.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxQuoted = 1000;

bool is_quotable(std::string_view value) {
    return value.size() <= kMaxQuoted && std::ranges::all_of(value, [](char c) {
               return c != '\r' && c != '\n' && static_cast<unsigned char>(c) < 128;
           });
}

void append_quoted(std::string& out, std::string_view value) {
    out += '"';
    for (char c : value) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    out += '"';
}

}  // namespace

void append_string(std::string& out, std::string_view value) {
    // No string of IMAP can hold a NUL: it is shown as what it cannot be, U+FFFD.
    auto nul = value.find('\0');
    if (nul != std::string_view::npos) {
        std::string shown(value.substr(0, nul));
        for (char c : value.substr(nul)) {
            shown += c == '\0' ? std::string_view("\xef\xbf\xbd") : std::string_view(&c, 1);
        }
        append_string(out, shown);
        return;
    }
    if (!is_quotable(value)) {
        out += '{';
        out += std::to_string(value.size());
        out += "}\r\n";
        out += value;
        return;
    }
    append_quoted(out, value);
}

void append_utf8_string(std::string& out, std::string_view value) {
    if (is_ascii(value) || !is_utf8(value) || value.size() > kMaxQuoted ||
        value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
        append_string(out, value);
    } else {
        append_quoted(out, value);
    }
}

void append_nstring(std::string& out, const std::optional<std::string>& value) {
    if (value) {
        append_string(out, *value);
    } else {
        out += "NIL";
    }
}

void append_astring(std::string& out, std::string_view value) {
    bool atom =
        !value.empty() && !iequals(value, "NIL") && std::ranges::all_of(value, is_astring_char);
    if (atom) {
        out += value;
    } else {
        append_string(out, value);
    }
}

std::string format_flags(const std::vector<std::string>& flags) {
    return "(" + join(flags, " ") + ")";
}

}  // namespace relais::imap
