// Lookup tables with settings of their own: "ldap:/etc/postfix/users.cf" keeps them in a file, the
// older "ldap:users" in main.cf as users_server_host and so on.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relais::postconf {

struct TableReference {
    std::string type;
    std::string name;
};

// The references to such tables in a parameter's value; "proxy:" before them is skipped.
[[nodiscard]] std::vector<TableReference> tables_in(std::string_view text);

// The settings that tables of the type have.
[[nodiscard]] std::span<const std::string_view> table_attributes(std::string_view type);

// Warns about settings in the table's file that its type does not have.
void warn_unused_in_table_file(const TableReference& table);

}  // namespace relais::postconf
