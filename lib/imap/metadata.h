// The arguments of GETMETADATA and SETMETADATA.  RFC 5464 4.2, 4.3
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

// "/private/comment" is the entry "comment", not shared.  In lower case, as names are compared
// without regard to it; empty where it is "/private" alone.
struct MetadataEntry {
    bool shared = false;
    std::string name{};
    std::optional<std::string> value{};  // SETMETADATA: nothing for NIL

    // "/private/comment"
    std::string full_name() const;

    // The error says what is wrong with the name.
    [[nodiscard]] static Result<MetadataEntry> parse(std::string_view text);
};

struct MetadataOptions {
    enum class Depth { kNone, kOne, kInfinity };

    std::optional<std::uint64_t> max_size{};
    Depth depth = Depth::kNone;

    // Whether asking for `entry` asks for `name`, too.
    bool covers(std::string_view entry, std::string_view name) const;

    // "(MAXSIZE 1024 DEPTH 1)".  False where they make no sense.
    [[nodiscard]] bool parse(Scanner& scanner);
};

// "/private/comment", or a list of such in parentheses.
[[nodiscard]] Result<std::vector<MetadataEntry>> parse_metadata_names(Scanner& scanner);

// "(/private/comment {33}..., /shared/comment NIL)"
[[nodiscard]] Result<std::vector<MetadataEntry>> parse_metadata_values(Scanner& scanner);

}  // namespace relais::imap
