// The criteria of SORT (RFC 5256 3, RFC 5957) and the values that messages have by them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

enum class SortKey {
    kArrival,
    kCc,
    kDate,
    kDisplayFrom,
    kDisplayTo,
    kFrom,
    kSize,
    kSubject,
    kTo,
};

struct SortCriterion {
    SortKey key = SortKey::kArrival;
    bool reverse = false;
};

// "(REVERSE DATE SUBJECT)".  A key that comes again decides nothing, and is left out.
[[nodiscard]] Result<std::vector<SortCriterion>> parse_sort_program(Scanner& scanner);

// What a message is sorted by, for the keys that are texts: compares byte for byte as the collation
// i;unicode-casemap does (RFC 5051), which is cut off where nobody looks any more.
struct SortText {
    std::string text;
    bool is_reply = false;  // kSubject: see base_subject.h
};

[[nodiscard]] SortText sort_text(SortKey key, std::string_view header);

}  // namespace relais::imap
