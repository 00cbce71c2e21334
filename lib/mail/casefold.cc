#include "lib/mail/casefold.h"

#include <memory>

#include <unicode/ucasemap.h>

#include "lib/base/strings.h"

namespace relais {

namespace {

struct CloseCaseMap {
    void operator()(UCaseMap* map) const { ucasemap_close(map); }
};

std::string fold_utf8(std::string_view text) {
    UErrorCode status = U_ZERO_ERROR;
    static const std::unique_ptr<UCaseMap, CloseCaseMap> map(
        ucasemap_open("", U_FOLD_CASE_DEFAULT, &status));
    if (!map) {
        return lowercase(text);
    }
    // Full folding makes one character three at most.
    std::string folded(text.size() * 3, '\0');
    status = U_ZERO_ERROR;
    auto length =
        ucasemap_utf8FoldCase(map.get(), folded.data(), static_cast<int32_t>(folded.size()),
                              text.data(), static_cast<int32_t>(text.size()), &status);
    if (U_FAILURE(status) != 0) {
        return lowercase(text);
    }
    folded.resize(static_cast<std::size_t>(length));
    return folded;
}

}  // namespace

std::string fold_case(std::string_view text) {
    constexpr std::size_t kLongest = std::size_t{1} << 24;
    if (is_ascii(text) || text.size() > kLongest || !is_utf8(text)) {
        return lowercase(text);
    }
    return fold_utf8(text);
}

}  // namespace relais
