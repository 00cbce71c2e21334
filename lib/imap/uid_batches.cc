#include "lib/imap/uid_batches.h"

#include <algorithm>

#include "lib/base/format.h"

namespace relais::imap {

namespace {

std::optional<std::uint32_t> positive(Scanner& scanner) {
    auto number = scanner.number();
    return number && *number > 0 ? number : std::nullopt;
}

}  // namespace

std::optional<UidBatches> parse_uid_batches(Scanner& scanner) {
    UidBatches wanted;
    auto size = positive(scanner);
    if (!size) {
        return std::nullopt;
    }
    wanted.size = *size;
    if (!scanner.space()) {
        return wanted;
    }
    auto first = positive(scanner);
    auto last = first && scanner.accept(':') ? positive(scanner) : std::nullopt;
    if (!last || *last < *first) {
        return std::nullopt;
    }
    wanted.first = *first;
    wanted.last = *last;
    return wanted;
}

// From the newest down.  The batch with the oldest message ends with UID 1, as Cyrus has it: then
// the ranges say that there is nothing below them.
std::string format_uid_batches(const UidBatches& wanted, std::span<const std::uint32_t> uids) {
    std::string text;
    const std::uint64_t count = uids.size();
    std::uint64_t newer = std::uint64_t{wanted.first - 1} * wanted.size;
    for (std::uint64_t batch = wanted.first; newer < count && batch <= wanted.last; ++batch) {
        const std::uint64_t older = std::min<std::uint64_t>(newer + wanted.size, count);
        const std::uint32_t lowest = older == count ? 1 : uids[count - older];
        text += format("{}{}:{}", text.empty() ? "" : ",", uids[count - 1 - newer], lowest);
        newer = older;
    }
    return text;
}

}  // namespace relais::imap
