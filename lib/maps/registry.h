// The table types by name, and how a "type:name" reference becomes an open table.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/maps/table.h"

namespace relais {

enum class OpenMode {
    kRead,
    kUpdate,   // read and write a table that exists
    kCreate,   // the same, made where it is missing
    kRebuild,  // a new table, which takes the old one's place with commit()
};

// The two halves of a reference.  The type ends at the first colon.
struct TableReference {
    std::string type;
    std::string name;
};

[[nodiscard]] Result<TableReference> parse_table_reference(std::string_view reference);

// Opens a table.  The message of an error is complete, as Postfix's commands print it.
[[nodiscard]] Result<std::unique_ptr<Table>> open_table(std::string_view reference, OpenMode mode,
                                                        TableFlags flags);

// A table that answers each lookup with a temporary failure: it stands in for one that could not
// be opened, so that the mail that needs it waits and all other mail flows.
[[nodiscard]] std::unique_ptr<Table> make_unavailable_table(std::string_view reference,
                                                            TableFlags flags, std::string reason);

[[nodiscard]] bool is_unavailable(const Table& table);

// The types that this build knows, sorted: `postconf -m`.
[[nodiscard]] std::vector<std::string> table_type_names();
// True for "type:name" of a type whose entries are patterns, so that partial keys make no sense. Of
// a table made of tables, the first one tells.
[[nodiscard]] bool is_pattern_table(std::string_view reference);
// The types in Berkeley DB files, which a build without the library only reads.
[[nodiscard]] bool is_bdb_table_type(std::string_view type);
// The types that postmap can build.
[[nodiscard]] bool can_build_table_type(std::string_view type);

}  // namespace relais
