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

// The references to such tables in a parameter's value, also those inside braces and behind
// "proxy:" and "debug:". Braces that are not closed are warned about, as in `file`.
[[nodiscard]] std::vector<TableReference> tables_in(std::string_view value, std::string_view file);

// The words of a value that the writer took for the begin of a comment.
[[nodiscard]] std::vector<std::string> comments_in(std::string_view value);

// The inside of "{ ... }". What is wrong with the braces is said, and the rest taken as it is.
[[nodiscard]] std::string without_braces(const std::string& text, std::string_view file);

// The settings that tables of the type have.
[[nodiscard]] std::span<const std::string_view> table_attributes(std::string_view type);

// Warns about settings in the table's file that its type does not have.
void warn_unused_in_table_file(const TableReference& table);

}  // namespace relais::postconf
