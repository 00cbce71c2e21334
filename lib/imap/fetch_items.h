// The data items of FETCH (RFC 3501 6.4.5, RFC 3516 4.2, RFC 8970 3.1, RFC 7162 3.1.4, RFC 8474 5,
// RFC 8514 4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/partial_range.h"
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
        kBinary,  // decoded (RFC 3516)
        kBinarySize,
        kPreview,      // RFC 8970
        kPreviewLazy,  // only where it is known already
        kModseq,       // RFC 7162
        kEmailId,      // RFC 8474
        kThreadId,
        kSaveDate,  // RFC 8514
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
    // Where it is not there yet: behind the others, or before them.
    enum class Where { kFirst, kLast };
    void add(FetchItem::Kind kind, Where where = Where::kLast);
    // What the others have and is not there yet.
    void add(const FetchItems& others);
    bool sets_seen() const;
    bool needs_message() const;  // anything that is not in the index
};

// What stands behind "[", up to and with "]".
[[nodiscard]] Result<Section> parse_section(Scanner& scanner);

// A macro, an item, or a list of items.
[[nodiscard]] Result<FetchItems> parse_fetch_items(Scanner& scanner);

// What stands in parentheses behind the items (RFC 4466 2.4).
struct FetchModifiers {
    std::optional<PartialRange> partial;         // RFC 9394 3.2
    std::optional<std::uint64_t> changed_since;  // RFC 7162 3.1.4.1
    bool vanished = false;                       // RFC 7162 3.2.6
};

// Up to the end of the command, from behind the items on.
[[nodiscard]] Result<FetchModifiers> parse_fetch_modifiers(Scanner& scanner);

}  // namespace relais::imap
