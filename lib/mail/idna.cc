#include "lib/mail/idna.h"

#include <array>
#include <cstdint>
#include <memory>

#include <unicode/uidna.h>

#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kMaxName = 1024;

struct CloseIdna {
    void operator()(UIDNA* handle) const { uidna_close(handle); }
};

using Idna = std::unique_ptr<UIDNA, CloseIdna>;

enum class Direction { kToAscii, kToUtf8 };
enum class Standard { k2003, k2008 };

std::optional<std::string> convert(std::string_view name, Direction direction, Standard standard) {
    if (name.size() > kMaxName || !is_utf8(name)) {
        return {};
    }
    UErrorCode status = U_ZERO_ERROR;
    const std::uint32_t modern = UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE;
    Idna handle(
        uidna_openUTS46(UIDNA_CHECK_BIDI | (standard == Standard::k2008 ? modern : 0U), &status));
    if (U_FAILURE(status)) {
        return {};
    }
    std::array<char, 4 * kMaxName> out{};
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    auto call = direction == Direction::kToAscii ? uidna_nameToASCII_UTF8 : uidna_nameToUnicodeUTF8;
    auto length = call(handle.get(), name.data(), static_cast<int>(name.size()), out.data(),
                       static_cast<int>(out.size()), &info, &status);
    if (U_FAILURE(status) || info.errors != 0 || length <= 0) {
        return {};
    }
    return std::string(out.data(), static_cast<std::size_t>(length));
}

}  // namespace

std::optional<std::string> domain_to_ascii(std::string_view name) {
    if (is_ascii(name)) {
        return std::string(name);
    }
    return convert(name, Direction::kToAscii, Standard::k2008);
}

std::optional<std::string> domain_to_ascii_2003(std::string_view name) {
    if (is_ascii(name)) {
        return std::string(name);
    }
    return convert(name, Direction::kToAscii, Standard::k2003);
}

std::optional<std::string> domain_to_utf8(std::string_view name) {
    if (is_ascii(name) && !lowercase(name).contains("xn--")) {
        return std::string(name);
    }
    return convert(name, Direction::kToUtf8, Standard::k2008);
}

}  // namespace relais
