// What SEARCH and SORT answer with: RETURN (MIN MAX ALL COUNT) of RFC 4731 and RFC 5267 2, SAVE of
// RFC 5182, PARTIAL of RFC 9394, UPDATE of RFC 5267 4.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/partial_range.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

struct SearchReturn {
    bool min = false;
    bool max = false;
    bool all = false;
    bool count = false;
    bool save = false;
    bool update = false;        // tell how the results change from now on
    FetchItems update_fetch{};  // and this of new messages among them (RFC 5465 7)
    std::optional<PartialRange> partial;

    // With UPDATE alone the answer names the search and no more, as Dovecot's does.
    bool answers() const { return min || max || all || count || partial || update; }

    // The results are told one by one, or counted: more than the first and the last.
    bool tells_many() const { return all || count || partial; }

    // Which of the results "$" will stand for (RFC 5182 2.4, RFC 9394 3.1), ascending.
    [[nodiscard]] std::vector<std::uint32_t> saved(std::span<const std::uint32_t> results) const;
};

// "RETURN (...)" and the space behind it; nothing where there is no RETURN.
[[nodiscard]] Result<std::optional<SearchReturn>> parse_search_return(Scanner& scanner);

// A list of numbers in any order, runs of ascending ones as ranges: "5,1:3,2".
void append_number_list(std::string& out, std::span<const std::uint32_t> numbers);

// "* ESEARCH (TAG "x") UID"
enum class ResultNumbers { kSequence, kUid };
void append_esearch_head(std::string& out, std::string_view tag, ResultNumbers kind);

// " MIN 1 ...\r\n" for results in the order in which they are answered, with the number of their
// latest change where that was asked for (RFC 4731 3.2).
void append_esearch_data(std::string& out, const SearchReturn& wanted,
                         std::span<const std::uint32_t> results,
                         std::optional<std::uint64_t> modseq = {});

// Both.
void append_esearch(std::string& out, std::string_view tag, ResultNumbers kind,
                    const SearchReturn& wanted, std::span<const std::uint32_t> results,
                    std::optional<std::uint64_t> modseq = {});

}  // namespace relais::imap
