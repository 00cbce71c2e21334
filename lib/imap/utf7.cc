#include "lib/imap/utf7.h"

#include <cstdint>
#include <vector>

#include "lib/base/strings.h"

namespace relais::imap {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

void append_utf8(std::string& out, std::uint32_t code) {
    auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xc0 | code >> 6);
        byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        byte(0xe0 | code >> 12);
        byte(0x80 | (code >> 6 & 0x3f));
        byte(0x80 | (code & 0x3f));
    } else {
        byte(0xf0 | code >> 18);
        byte(0x80 | (code >> 12 & 0x3f));
        byte(0x80 | (code >> 6 & 0x3f));
        byte(0x80 | (code & 0x3f));
    }
}

// The UTF-16 units of a shifted part (between "&" and "-").
std::optional<std::vector<std::uint16_t>> decode_units(std::string_view shifted) {
    std::vector<std::uint16_t> units;
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : shifted) {
        auto value = kAlphabet.find(c);
        if (value == std::string_view::npos) {
            return std::nullopt;
        }
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 16) {
            count -= 16;
            units.push_back(static_cast<std::uint16_t>(bits >> count));
            bits &= (1U << count) - 1;
        }
    }
    // What is left over must be padding: zero bits, and fewer than a whole character's.
    if (units.empty() || count >= 6 || bits != 0) {
        return std::nullopt;
    }
    return units;
}

bool append_units(std::string& out, const std::vector<std::uint16_t>& units) {
    for (std::size_t i = 0; i < units.size(); ++i) {
        std::uint32_t code = units[i];
        if (code >= 0xdc00 && code < 0xe000) {
            return false;
        }
        if (code >= 0xd800 && code < 0xdc00) {
            ++i;
            if (i == units.size() || units[i] < 0xdc00 || units[i] >= 0xe000) {
                return false;
            }
            code = 0x10000 + ((code - 0xd800) << 10) + (units[i] - 0xdc00U);
        }
        if (code >= 0x20 && code < 0x7f) {
            return false;  // must stand for itself
        }
        append_utf8(out, code);
    }
    return true;
}

// One code point of well-formed UTF-8; moves `at` behind it.
std::uint32_t next_code(std::string_view text, std::size_t& at) {
    auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) {
        return lead;
    }
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    std::uint32_t code = lead & (0x3fU >> more);
    for (; more > 0; --more) {
        code = code << 6 | (static_cast<unsigned char>(text[at++]) & 0x3fU);
    }
    return code;
}

void append_shifted(std::string& out, const std::vector<std::uint16_t>& units) {
    out += '&';
    std::uint32_t bits = 0;
    int count = 0;
    for (std::uint16_t unit : units) {
        bits = bits << 16 | unit;
        count += 16;
        while (count >= 6) {
            count -= 6;
            out += kAlphabet[bits >> count & 0x3f];
        }
        bits &= (1U << count) - 1;
    }
    if (count > 0) {
        out += kAlphabet[bits << (6 - count) & 0x3f];
    }
    out += '-';
}

}  // namespace

std::optional<std::string> utf7_to_utf8(std::string_view name) {
    std::string out;
    bool after_shift = false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] != '&') {
            if (!is_print(name[i])) {
                return std::nullopt;
            }
            out += name[i];
            after_shift = false;
            continue;
        }
        auto end = name.find('-', i + 1);
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        if (end == i + 1) {
            out += '&';
            after_shift = false;
        } else {
            auto units = decode_units(name.substr(i + 1, end - i - 1));
            if (after_shift || !units || !append_units(out, *units)) {
                return std::nullopt;
            }
            after_shift = true;
        }
        i = end;
    }
    return out;
}

std::optional<std::string> utf8_to_utf7(std::string_view name) {
    if (!is_utf8(name)) {
        return std::nullopt;
    }
    std::string out;
    std::vector<std::uint16_t> units;
    for (std::size_t at = 0; at < name.size();) {
        std::uint32_t code = next_code(name, at);
        if (code >= 0x20 && code < 0x7f) {
            if (!units.empty()) {
                append_shifted(out, units);
                units.clear();
            }
            out += static_cast<char>(code);
            out += code == '&' ? "-" : "";
        } else if (code < 0x10000) {
            units.push_back(static_cast<std::uint16_t>(code));
        } else {
            units.push_back(static_cast<std::uint16_t>(0xd800 + ((code - 0x10000) >> 10)));
            units.push_back(static_cast<std::uint16_t>(0xdc00 + ((code - 0x10000) & 0x3ff)));
        }
    }
    if (!units.empty()) {
        append_shifted(out, units);
    }
    return out;
}

}  // namespace relais::imap
