// Moving away from Berkeley DB (non_bdb_migration_level): tables that the configuration still calls
// hash or btree are opened in another type, and daemons have those built that are missing.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/maps/registry.h"

namespace relais {

enum class NonBdbLevel { kDisable, kRedirect, kReindex };

// Ends the process when the parameter's value is none of them.
[[nodiscard]] NonBdbLevel non_bdb_level();

// The type in place of hash or btree for one table: what non_bdb_custom_mapping has for type:name
// or for the type, or else default_database_type or default_cache_db_type.
[[nodiscard]] Result<std::string> non_bdb_type(const TableReference& legacy);

// The file of such a table.
[[nodiscard]] std::string non_bdb_file(std::string_view type, std::string_view name);

// Puts the new type into a reference to a hash or btree table, where the level says so.
[[nodiscard]] Result<void> redirect_bdb(TableReference& table, OpenMode mode);

// From now on nbdb_reindexd(8) is asked for tables that are to be read and are missing.  Daemons
// call this; commands may not talk to it.
void ask_for_missing_tables();

}  // namespace relais
