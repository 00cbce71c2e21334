// Enhanced status codes, delivery outcomes and DSN parameters: see the header.
#include "lib/mail/dsn.h"

#include <array>
#include <cstdint>

#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"

namespace relais {
namespace {

// One to three digits at the front of `text`, taken off.
std::optional<int> take_number(std::string_view& text) {
    int value = 0;
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) {
        if (digits == 3) {
            return std::nullopt;
        }
        value = value * 10 + (text[digits] - '0');
        ++digits;
    }
    if (digits == 0) {
        return std::nullopt;
    }
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

std::optional<DsnCode> take_code(std::string_view& text) {
    if (text.empty() || (text[0] != '2' && text[0] != '4' && text[0] != '5')) {
        return std::nullopt;
    }
    const int klass = text[0] - '0';
    text.remove_prefix(1);
    if (!take(text, '.')) {
        return std::nullopt;
    }
    const auto subject = take_number(text);
    if (!subject || !take(text, '.')) {
        return std::nullopt;
    }
    const auto detail = take_number(text);
    if (!detail) {
        return std::nullopt;
    }
    return DsnCode(klass, *subject, *detail);
}

void append_utf8(std::string& out, std::uint32_t rune) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (rune < 0x80) {
        put(rune);
    } else if (rune < 0x800) {
        put(0xc0 | (rune >> 6));
        put(0x80 | (rune & 0x3f));
    } else if (rune < 0x10000) {
        put(0xe0 | (rune >> 12));
        put(0x80 | ((rune >> 6) & 0x3f));
        put(0x80 | (rune & 0x3f));
    } else {
        put(0xf0 | (rune >> 18));
        put(0x80 | ((rune >> 12) & 0x3f));
        put(0x80 | ((rune >> 6) & 0x3f));
        put(0x80 | (rune & 0x3f));
    }
}

struct NotifyName {
    std::string_view name;
    int flag;
};

constexpr std::array<NotifyName, 4> kNotifyNames = {{
    {"NEVER", kNotifyNever},
    {"SUCCESS", kNotifySuccess},
    {"FAILURE", kNotifyFailure},
    {"DELAY", kNotifyDelay},
}};

}  // namespace

std::optional<DsnCode> DsnCode::parse(std::string_view text) {
    const auto code = take_code(text);
    return text.empty() ? code : std::nullopt;
}

std::optional<DsnCode> DsnCode::parse_prefix(std::string_view text) {
    const auto code = take_code(text);
    return text.empty() || is_blank(text.front()) ? code : std::nullopt;
}

std::string DsnCode::to_string() const {
    return format("{}.{}.{}", klass_, subject_, detail_);
}

DsnText split_dsn(std::string_view text, DsnCode default_code) {
    text = trim_left(text);
    auto rest = text;
    const auto code = take_code(rest);
    if (!code || (!rest.empty() && !is_blank(rest.front()))) {
        return {default_code, std::string(text)};
    }
    return {*code, std::string(trim_left(rest))};
}

DeliveryStatus DeliveryStatus::of(DsnCode code, std::string reason) {
    DeliveryStatus result;
    result.status = code.to_string();
    result.reason = std::move(reason);
    return result;
}

DsnCode DeliveryStatus::code() const {
    return DsnCode::parse(status).value_or(DsnCode(4, 0, 0));
}

std::optional<int> parse_notify(std::string_view text) {
    int flags = 0;
    if (text.ends_with(',')) {
        text.remove_suffix(1);  // as Postfix takes it
    }
    for (const auto word : split_fields(text, ',')) {
        int flag = 0;
        for (const auto& known : kNotifyNames) {
            flag |= iequals(word, known.name) ? known.flag : 0;
        }
        if (flag == 0) {
            return std::nullopt;
        }
        flags |= flag;
    }
    return flags != 0 && valid_notify(flags) ? std::optional(flags) : std::nullopt;
}

std::string format_notify(int flags) {
    std::string text;
    for (const auto& known : kNotifyNames) {
        if ((flags & known.flag) != 0) {
            text += text.empty() ? "" : ",";
            text += known.name;
        }
    }
    return text;
}

bool valid_notify(int flags) {
    return (flags & ~kNotifyAll) == 0 && ((flags & kNotifyNever) == 0 || flags == kNotifyNever);
}

std::optional<DsnRet> parse_ret(std::string_view text) {
    if (iequals(text, "FULL")) {
        return DsnRet::kFull;
    }
    return iequals(text, "HDRS") ? std::optional(DsnRet::kHeaders) : std::nullopt;
}

std::string_view format_ret(DsnRet ret) {
    switch (ret) {
        case DsnRet::kFull:
            return "FULL";
        case DsnRet::kHeaders:
            return "HDRS";
        case DsnRet::kNone:
            break;
    }
    return "";
}

std::string xtext_encode(std::string_view text, std::string_view also_encode) {
    std::string out;
    for (const char c : text) {
        if (c == '+' || c <= ' ' || c > 126 || also_encode.find(c) != std::string_view::npos) {
            out += format("+{:02X}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out;
}

std::optional<std::string> xtext_decode(std::string_view text) {
    return decode_hex_escapes(text, '+');
}

std::optional<std::string> unitext_decode(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (!text.starts_with("\\x{")) {
            out += text.front();
            text.remove_prefix(1);
            continue;
        }
        const auto close = text.find('}');
        // RFC 6533 section 3: two to six hexadecimal digits.
        if (close == std::string_view::npos || close < 5 || close > 9) {
            return std::nullopt;
        }
        std::uint32_t rune = 0;
        for (const char c : text.substr(3, close - 3)) {
            if (hex_value(c) < 0) {
                return std::nullopt;
            }
            rune = rune * 16 + static_cast<std::uint32_t>(hex_value(c));
        }
        if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) {
            return std::nullopt;
        }
        append_utf8(out, rune);
        text.remove_prefix(close + 1);
    }
    return out;
}

std::optional<std::string> parse_orcpt(std::string_view text) {
    const auto parts = split_first(text, ';');
    if (!parts || parts->first.empty()) {
        return std::nullopt;
    }
    std::optional<std::string> address;
    if (iequals(parts->first, "utf-8")) {
        address = unitext_decode(parts->second);
        if (address && address->find('\0') != std::string::npos) {
            return std::nullopt;
        }
    }
    if (!address) {
        address = xtext_decode(parts->second);
    }
    if (!address || address->find('\0') != std::string::npos) {
        return std::nullopt;
    }
    return format("{};{}", parts->first, *address);
}

}  // namespace relais
