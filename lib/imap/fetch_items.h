// The data items of FETCH (RFC 3501 6.4.5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

// What stands in the brackets of BODY[...].
struct Section {
    enum class Kind { kAll, kHeader, kFields, kFieldsNot, kText, kMime };
    std::vector<std::uint32_t> path;  // part numbers; empty: the message
    Kind kind = Kind::kAll;
    std::vector<std::string> fields;  // upper case

    // "1.2.HEADER.FIELDS (FROM TO)"
    std::string to_string() const;
};

struct FetchItem {
    enum class Kind {
        kUid,
        kFlags,
        kInternalDate,
        kSize,
        kEnvelope,
        kBody,
        kBodyStructure,
        kSection,
    };
    Kind kind = Kind::kUid;
    Section section;
    bool peek = true;  // false: fetching it sets \Seen

    // "<origin.count>"
    struct Partial {
        std::uint64_t origin;
        std::uint64_t count;
    };

    std::optional<Partial> partial;
    std::string label;  // as the response names it: "BODY[TEXT]<0>", "RFC822.HEADER"
};

struct FetchItems {
    std::vector<FetchItem> items;

    bool has(FetchItem::Kind kind) const;
    bool sets_seen() const;
    bool needs_message() const;  // anything that is not in the index
};

// A macro, an item, or a list of items.
[[nodiscard]] Result<FetchItems> parse_fetch_items(Scanner& scanner);

}  // namespace relais::imap
