// The criteria of SEARCH as a tree (RFC 3501 6.4.4, YOUNGER and OLDER of RFC 5032).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/scanner.h"
#include "lib/imap/sequence_set.h"

namespace relais::imap {

struct SearchKey {
    enum class Kind {
        kAll,
        kAnd,  // children
        kOr,   // two children
        kNot,  // one child
        kSequence,
        kUid,
        kSaved,  // "$" (RFC 5182)
        kFlag,   // text: "\Seen", or a keyword
        kRecent,
        kBefore,  // day
        kOn,
        kSince,
        kSentBefore,
        kSentOn,
        kSentSince,
        kLarger,  // number
        kSmaller,
        kYounger,
        kOlder,
        kHeader,  // field, text
        kBody,    // text
        kText,
        kModseq,       // number (RFC 7162)
        kSavedBefore,  // day (RFC 8514)
        kSavedOn,
        kSavedSince,
        kEmailId,  // text (RFC 8474)
        kThreadId,
    };
    Kind kind = Kind::kAll;
    std::vector<SearchKey> children;
    SequenceSet set;
    std::string field;        // upper case
    std::string text;         // strings in UTF-8
    std::int64_t number = 0;  // size, seconds, number of a change, or day since 1970-01-01

    // True when some criterion below can only be decided with the message itself.
    bool needs_message() const;

    // Message sequence numbers are named.
    bool uses_numbers() const;

    // "$" is there.
    bool uses_saved() const;

    // The numbers of changes are asked for: the answer has the highest of what was found.
    bool uses_modseq() const;
};

// Errc::kDenied stands for a character set that is not supported (BADCHARSET).
[[nodiscard]] Result<SearchKey> parse_search(Scanner& scanner);

// The keys alone, up to the end, with texts in `charset`.
[[nodiscard]] Result<SearchKey> parse_search_keys(Scanner& scanner, const std::string& charset);

}  // namespace relais::imap
