#include "lib/mail/casemap.h"

#include <array>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kLongestDecomposition = 32;  // U+FDFA becomes 18 characters

const UNormalizer2* decomposer() {
    UErrorCode status = U_ZERO_ERROR;
    static const UNormalizer2* const instance = unorm2_getNFKDInstance(&status);
    return instance;
}

void append_code(std::string& out, UChar32 code) {
    std::array<char, 4> bytes{};
    int32_t length = 0;
    U8_APPEND_UNSAFE(bytes.data(), length, code);
    out.append(bytes.data(), static_cast<std::size_t>(length));
}

// RFC 5051 2: title case first, then what the character is made of.
void append_mapped(std::string& out, UChar32 code) {
    UChar32 title = u_totitle(code);
    std::array<UChar, kLongestDecomposition> parts{};
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2* normalizer = decomposer();
    int32_t length = normalizer == nullptr
                         ? -1
                         : unorm2_getDecomposition(normalizer, title, parts.data(),
                                                   static_cast<int32_t>(parts.size()), &status);
    if (length < 0 || U_FAILURE(status) != 0) {
        append_code(out, title);
        return;
    }
    for (int32_t i = 0; i < length;) {
        UChar32 part = 0;
        U16_NEXT(parts.data(), i, length, part);
        append_code(out, part);
    }
}

}  // namespace

std::string unicode_casemap(std::string_view text) {
    if (is_ascii(text)) {
        return uppercase(text);
    }
    std::string out;
    out.reserve(text.size());
    auto length = static_cast<int32_t>(text.size());
    for (int32_t i = 0; i < length;) {
        int32_t start = i;
        if (U8_IS_SINGLE(text[static_cast<std::size_t>(i)])) {
            out += to_upper(text[static_cast<std::size_t>(i++)]);
            continue;
        }
        UChar32 code = 0;
        U8_NEXT(text.data(), i, length, code);
        if (code < 0) {
            out +=
                text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(i - start));
        } else {
            append_mapped(out, code);
        }
    }
    return out;
}

}  // namespace relais
