// The tables of this process: each "type:name" is opened once, however many parameters name it.
// Daemons make their TableSets and MatchLists before they enter the jail, and so open the tables.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/maps/table.h"

namespace relais {

// Never null.  A table that cannot be opened is logged as an error and replaced by one that fails
// each lookup, or ends the process where daemon_table_open_error_is_fatal says so.
[[nodiscard]] std::shared_ptr<Table> shared_table(std::string_view reference, TableFlags flags);

// A table that has changed on disk and cannot be opened anew from here (because of the jail, or for
// want of rights): the process should retire.  In Postfix's form: "hash:/etc/x(0,lock|fold_fix)".
[[nodiscard]] std::optional<std::string> changed_shared_table();

}  // namespace relais
