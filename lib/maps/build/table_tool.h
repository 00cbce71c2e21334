// What postmap(1) and postalias(1) have in common: opening the source text with the rights of its
// owner, and looking up, deleting and listing entries.  Errors end the process, as in any command.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/maps/registry.h"
#include "lib/maps/table.h"

namespace relais {

struct TableTool {
    // How a key and its value are printed.
    enum class Form { kMap, kAlias, kJson };

    TableFlags flags = table_flag::kWarnDuplicate | table_flag::kFoldFixed;
    Form form = Form::kMap;
    bool values_are_files = false;    // -F: values are base64
    bool keeps_permissions = true;    // unless -p: a new table is as readable as its source
    bool runs_as_owner = true;        // unless -o: root takes on the owner of the source
    bool incremental = false;         // -i: entries come from standard input
    std::vector<std::string> tables;  // "type:name"

    // -q KEY: the first table that has it; the exit status.
    int query(std::string_view key) const;
    // -q -: keys on standard input, a line each.
    int query_input() const;
    // -d KEY and -d -
    int erase(std::string_view key) const;
    int erase_input() const;
    // -s, of the first table
    void list() const;

    // The value of `key` in the first table that has it, ready for printing.  Tables are opened
    // when they are first needed.
    struct OpenTables {
        std::vector<std::unique_ptr<Table>> tables;
        bool in_batch = false;

        void begin_batch();
        // Also lets go of what is printed.
        void end_batch();
    };

    std::optional<std::string> find(OpenTables& opened, std::string_view key) const;
    void list_entry(const Table& table, const std::string& reference, TableEntry& item) const;
    void print(std::string_view key, std::string_view value) const;

    struct Line {
        std::string_view text;
        const std::string& path;
        std::size_t number;

        // "PATH, line NUMBER", for warnings.
        std::string where() const;
    };

    // Takes each logical line of a source, and gives it to the table or warns.
    using AddLine = std::function<void(Table& table, const Line& line)>;
    // Builds (or adds to) one table; `after` adds the last entries, which replace those of an old
    // table.
    void build(const std::string& reference, const AddLine& add,
               const std::function<void(Table&)>& after) const;

  private:
    void print_entry(const Table& table, TableEntry& entry) const;
};

// The "type:" that an argument has, or the default_database_type before it.
[[nodiscard]] std::string with_table_type(std::string_view argument);

// An update that must not fail.
void store_entry(Table& table, std::string_view key, std::string_view value);

}  // namespace relais
