#include "lib/base/strings.h"

#include <algorithm>
#include <bitset>
#include <charconv>

namespace relais {

std::string lowercase(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), to_lower);
    return out;
}

std::string uppercase(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), to_upper);
    return out;
}

bool iequals(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

bool istarts_with(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

bool iends_with(std::string_view text, std::string_view suffix) {
    return text.size() >= suffix.size() &&
           iequals(text.substr(text.size() - suffix.size()), suffix);
}

// Sets are short: to compare costs less than a call of memchr() for each byte, which
// string_view's own functions make.
static bool is_one_of(std::string_view set, char c) {
    return std::ranges::any_of(set, [c](char member) { return member == c; });
}

static std::size_t first_not_in(std::string_view set, std::string_view text) {
    auto found = std::ranges::find_if(text, [set](char c) { return !is_one_of(set, c); });
    return static_cast<std::size_t>(found - text.begin());
}

std::string_view trim_left(std::string_view text, std::string_view drop) {
    text.remove_prefix(first_not_in(drop, text));
    return text;
}

std::string_view trim_right(std::string_view text, std::string_view drop) {
    while (!text.empty() && is_one_of(drop, text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::string_view trim(std::string_view text, std::string_view drop) {
    return trim_right(trim_left(text, drop), drop);
}

// For texts that are longer than it takes to fill in.
class ByteSet {
  public:
    explicit ByteSet(std::string_view members) {
        for (char c : members) {
            members_.set(static_cast<unsigned char>(c));
        }
    }

    bool has(char c) const { return members_[static_cast<unsigned char>(c)]; }

  private:
    std::bitset<256> members_;
};

static constexpr std::size_t kUsualWords = 6;

std::vector<std::string_view> split_words(std::string_view text, std::string_view separators) {
    const ByteSet between(separators);
    std::vector<std::string_view> words;
    words.reserve(kUsualWords);
    const char* at = text.begin();
    for (;;) {
        at = std::find_if(at, text.end(), [&](char c) { return !between.has(c); });
        if (at == text.end()) {
            return words;
        }
        const char* begin = at;
        at = std::find_if(at, text.end(), [&](char c) { return between.has(c); });
        words.emplace_back(begin, at);
    }
}

std::vector<std::string_view> split_fields(std::string_view text, char separator) {
    std::vector<std::string_view> fields;
    fields.reserve(kUsualWords);
    for (;;) {
        auto end = text.find(separator);
        fields.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return fields;
        }
        text.remove_prefix(end + 1);
    }
}

static std::optional<TwoParts> split_at(std::string_view text, std::size_t at) {
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    return TwoParts{text.substr(0, at), text.substr(at + 1)};
}

std::optional<TwoParts> split_first(std::string_view text, char separator) {
    return split_at(text, text.find(separator));
}

std::optional<TwoParts> split_last(std::string_view text, char separator) {
    return split_at(text, text.rfind(separator));
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string out;
    for (const auto& part : parts) {
        if (&part != &parts.front()) {
            out += separator;
        }
        out += part;
    }
    return out;
}

template <class T>
static std::optional<T> parse_whole(std::string_view text, int base) {
    T value{};
    const char* begin = text.data();
    const char* end = begin + text.size();
    auto [stop, error] = std::from_chars(begin, end, value, base);
    if (error != std::errc() || stop != end || text.empty()) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint64_t> parse_uint(std::string_view text) {
    return parse_whole<std::uint64_t>(text, 10);
}

std::optional<std::int64_t> parse_int(std::string_view text) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) {
            return std::nullopt;
        }
    }
    return parse_whole<std::int64_t>(text, 10);
}

std::optional<std::uint64_t> parse_octal(std::string_view text) {
    return parse_whole<std::uint64_t>(text, 8);
}

// The length of the UTF-8 sequence that starts at text[0], or 0 where it is malformed.
static std::size_t utf8_sequence(std::string_view text) {
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char lead = byte(0);
    if (lead < 0x80) {
        return 1;
    }
    std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) {
            return 0;
        }
    }
    unsigned char second = byte(1);
    bool bad = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
               (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
    return bad ? 0 : length;
}

std::string printable(std::string_view text, char replacement, Utf8 utf8) {
    // Counted to the end, which takes the processor less time than to stop at the first.
    if (std::ranges::count_if(text, is_print) == std::ssize(text)) {
        return std::string(text);
    }
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t length = utf8 == Utf8::kYes ? utf8_sequence(text) : 1;
        if (length > 1 || is_print(text[0])) {
            out += text.substr(0, length);
        } else {
            out += replacement;
            length = 1;
        }
        text.remove_prefix(length);
    }
    return out;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        std::size_t length = utf8_sequence(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

bool is_ascii(std::string_view text) {
    // A block at a time, without a branch for each byte: searches look at whole messages so.
    constexpr std::size_t kBlock = 256;
    for (; !text.empty(); text.remove_prefix(std::min(kBlock, text.size()))) {
        unsigned char bits = 0;
        for (char c : text.substr(0, kBlock)) {
            bits |= static_cast<unsigned char>(c);
        }
        if (bits >= 128) {
            return false;
        }
    }
    return true;
}

}  // namespace relais
