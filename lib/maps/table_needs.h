// What the tables that this process has opened need later on: for its sandbox (lib/daemon).
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace relais {

struct TableNeeds {
    std::set<std::string> read;     // directories of files that may be opened again
    std::set<std::string> changed;  // directories in which files are written and made
    bool servers = false;           // questions leave the machine, or libraries of others ask them
};

[[nodiscard]] const TableNeeds& table_needs();

// A table that is being opened.  Of a table made of tables, each is told of by itself.
enum class TableUse { kReads, kWrites };
void note_table(std::string_view type, std::string_view name, TableUse use);

// A file or directory that a table's settings name, to be read whenever it asks its server
// (certificates); empty: none.
void note_table_read(const std::string& path);

// A file that a table's settings name (SQLite's database); its directory is written, for a journal,
// and where root has made a link of the name, the one that this leads to.
void note_table_file(const std::string& path);

}  // namespace relais
