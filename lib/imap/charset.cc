#include "lib/imap/charset.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>

#include <iconv.h>

#include "lib/base/hex.h"
#include "lib/base/strings.h"

namespace relais::imap {

namespace {

class Converter {
  public:
    explicit Converter(const std::string& from) : handle_(::iconv_open("UTF-8", from.c_str())) {}

    Converter(const Converter&) = delete;
    Converter& operator=(const Converter&) = delete;

    ~Converter() {
        if (known()) {
            ::iconv_close(handle_);
        }
    }

    bool known() const {
        return handle_ != reinterpret_cast<iconv_t>(-1);  // NOLINT: what iconv_open() returns
    }

    std::string convert(std::string_view text) {
        std::string out;
        std::string input(text);
        char* in = input.data();
        std::size_t left = input.size();
        while (left > 0) {
            std::array<char, 4096> buffer;
            char* to = buffer.data();
            std::size_t room = buffer.size();
            std::size_t done = ::iconv(handle_, &in, &left, &to, &room);
            int reason = errno;
            out.append(buffer.data(), buffer.size() - room);
            if (done == static_cast<std::size_t>(-1) && reason != E2BIG) {
                out += '?';  // not of this character set: one byte is skipped
                ++in;
                --left;
            }
        }
        return out;
    }

  private:
    iconv_t handle_;
};

bool is_utf8_name(std::string_view name) {
    return iequals(name, "utf-8") || iequals(name, "utf8") || iequals(name, "us-ascii") ||
           iequals(name, "ascii") || name.empty();
}

// A name that iconv may be asked for: no suffixes, no paths.
bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() < 40 &&
           std::ranges::all_of(
               name,
               [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':'; });
}

enum class Underscore { kPlain, kBlank };

std::string decode_quoted_printable(std::string_view text, Underscore underscore) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '_' && underscore == Underscore::kBlank) {
            out += ' ';
            continue;
        }
        if (c != '=') {
            out += c;
            continue;
        }
        std::string_view next = text.substr(i + 1, 2);
        if (next.starts_with('\n')) {
            i += 1;
        } else if (next == "\r\n") {
            i += 2;
        } else if (next.size() == 2 && hex_value(next[0]) >= 0 && hex_value(next[1]) >= 0) {
            out += static_cast<char>(hex_value(next[0]) * 16 + hex_value(next[1]));
            i += 2;
        } else {
            out += c;
        }
    }
    return out;
}

// Everything outside of the alphabet is skipped, as RFC 2045 6.8 wants it.
std::string decode_base64_leniently(std::string_view text) {
    constexpr auto kTable = [] {
        std::array<std::int16_t, 256> table{};
        table.fill(-1);
        constexpr std::string_view kAlphabet =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
            table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int16_t>(i);
        }
        return table;
    }();
    std::string out;
    out.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
        int value = kTable[static_cast<unsigned char>(c)];
        if (value < 0) {
            continue;
        }
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xff);
        }
    }
    return out;
}

struct EncodedWord {
    std::string text;    // in UTF-8
    std::size_t length;  // in the source
};

// RFC 2047 2: "=?charset?encoding?text?="
std::optional<EncodedWord> parse_encoded_word(std::string_view text) {
    auto first = text.find('?', 2);
    if (first == std::string_view::npos || first + 2 >= text.size() || text[first + 2] != '?') {
        return std::nullopt;
    }
    auto end = text.find("?=", first + 3);
    if (end == std::string_view::npos || end > 1000) {
        return std::nullopt;
    }
    std::string_view charset = text.substr(2, first - 2);
    charset = charset.substr(0, charset.find('*'));  // RFC 2231 5: language
    std::string_view body = text.substr(first + 3, end - first - 3);
    if (body.find_first_of(" \t\r\n") != std::string_view::npos && text[first + 1] != 'Q' &&
        text[first + 1] != 'q') {
        return std::nullopt;
    }
    char encoding = to_lower(text[first + 1]);
    if (encoding != 'q' && encoding != 'b') {
        return std::nullopt;
    }
    std::string bytes = encoding == 'q' ? decode_quoted_printable(body, Underscore::kBlank)
                                        : decode_base64_leniently(body);
    return EncodedWord{to_utf8(bytes, charset), end + 2};
}

}  // namespace

bool is_known_charset(std::string_view name) {
    return is_utf8_name(name) || (is_plain_name(name) && Converter(std::string(name)).known());
}

// Each of these has several names: "ISO-2022-JP", "iso2022jp", "csISO2022JP".
bool keeps_ascii(std::string_view charset) {
    constexpr std::array<std::string_view, 9> kOthers = {
        "utf7", "utf16", "utf32", "ucs", "unicode", "iso10646", "iso2022", "hz", "ebcdic"};
    std::string bare = lowercase(charset);
    std::erase_if(bare, [](char c) { return !is_alnum(c); });
    std::string_view name = bare;
    name.remove_prefix(name.starts_with("cs") ? 2 : 0);
    return std::ranges::none_of(kOthers,
                                [name](std::string_view other) { return name.starts_with(other); });
}

std::string to_utf8(std::string_view text, std::string_view charset) {
    if (is_ascii(text) && keeps_ascii(charset)) {
        return std::string(text);
    }
    if (is_utf8_name(charset) || !is_plain_name(charset)) {
        return std::string(text);
    }
    // Most messages of a mailbox use one or two character sets: the last converter is kept, by
    // each of the threads that search.
    thread_local std::string last_name;
    thread_local std::unique_ptr<Converter> last;
    if (!last || last_name != charset) {
        last_name = std::string(charset);
        last = std::make_unique<Converter>(last_name);
    }
    return last->known() ? last->convert(text) : std::string(text);
}

std::string decode_transfer(std::string_view body, std::string_view encoding) {
    if (iequals(encoding, "quoted-printable")) {
        return decode_quoted_printable(body, Underscore::kPlain);
    }
    if (iequals(encoding, "base64")) {
        return decode_base64_leniently(body);
    }
    return std::string(body);
}

std::string decode_header(std::string_view text) {
    std::string out;
    bool after_word = false;
    for (std::size_t i = 0; i < text.size();) {
        auto start = text.find("=?", i);
        std::string_view plain =
            text.substr(i, start == std::string_view::npos ? start : start - i);
        // Blanks between two encoded words are not part of the text.
        if (!after_word || start == std::string_view::npos || !trim(plain).empty()) {
            out += plain;
        }
        if (start == std::string_view::npos) {
            break;
        }
        auto word = parse_encoded_word(text.substr(start));
        if (word) {
            out += word->text;
            i = start + word->length;
        } else {
            out += "=?";
            i = start + 2;
        }
        after_word = word.has_value();
    }
    return out;
}

}  // namespace relais::imap
