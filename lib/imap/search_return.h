// What SEARCH and SORT answer with: RETURN (MIN MAX ALL COUNT) of RFC 4731 and RFC 5267 2, SAVE of
// RFC 5182, PARTIAL of RFC 9394.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

// Some of a list of results: "1:100" from the front, "-1:-100" from the end.
struct PartialRange {
    std::uint32_t first = 1;  // first <= last
    std::uint32_t last = 1;
    bool from_end = false;

    std::string to_string() const;

    // The part of `numbers` that it means, in their order.
    [[nodiscard]] std::span<const std::uint32_t> of(std::span<const std::uint32_t> numbers) const;
};

[[nodiscard]] std::optional<PartialRange> parse_partial_range(Scanner& scanner);

struct SearchReturn {
    bool min = false;
    bool max = false;
    bool all = false;
    bool count = false;
    bool save = false;
    std::optional<PartialRange> partial;

    bool answers() const { return min || max || all || count || partial; }

    // The results are told one by one, or counted: more than the first and the last.
    bool tells_many() const { return all || count || partial; }

    // Which of the results "$" will stand for (RFC 5182 2.4, RFC 9394 3.1), ascending.
    [[nodiscard]] std::vector<std::uint32_t> saved(std::span<const std::uint32_t> results) const;
};

// "RETURN (...)" and the space behind it; nothing where there is no RETURN.
[[nodiscard]] Result<std::optional<SearchReturn>> parse_search_return(Scanner& scanner);

// A list of numbers in any order, runs of ascending ones as ranges: "5,1:3,2".
void append_number_list(std::string& out, std::span<const std::uint32_t> numbers);

// "* ESEARCH (TAG "x") UID MIN 1 ...\r\n" for results in the order in which they are answered,
// with the number of their latest change where that was asked for (RFC 4731 3.2).
enum class ResultNumbers { kSequence, kUid };
void append_esearch(std::string& out, std::string_view tag, ResultNumbers kind,
                    const SearchReturn& wanted, std::span<const std::uint32_t> results,
                    std::optional<std::uint64_t> modseq = {});

}  // namespace relais::imap
