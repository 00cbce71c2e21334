#include "lib/imap/partial_range.h"

#include <algorithm>

namespace relais::imap {

std::string PartialRange::to_string() const {
    std::string sign = from_end ? "-" : "";
    return sign + std::to_string(first) + ":" + sign + std::to_string(last);
}

std::span<const std::uint32_t> PartialRange::of(std::span<const std::uint32_t> numbers) const {
    std::size_t begin = std::min<std::size_t>(first - 1, numbers.size());
    std::size_t count = std::min<std::size_t>(last, numbers.size()) - begin;
    return from_end ? numbers.subspan(numbers.size() - begin - count, count)
                    : numbers.subspan(begin, count);
}

// RFC 9394 3.1: both numbers count from the same side.  The order within the range is free.
std::optional<PartialRange> parse_partial_range(Scanner& scanner) {
    PartialRange range;
    range.from_end = scanner.accept('-');
    auto first = scanner.number();
    if (!first || !scanner.accept(':') || scanner.accept('-') != range.from_end) {
        return std::nullopt;
    }
    auto last = scanner.number();
    if (!last || *first == 0 || *last == 0) {
        return std::nullopt;
    }
    range.first = std::min(*first, *last);
    range.last = std::max(*first, *last);
    return range;
}

}  // namespace relais::imap
