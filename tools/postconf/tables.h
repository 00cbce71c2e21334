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

// What the words of a parameter's value say: references to such tables, also those inside braces
// and behind "proxy:" and "debug:", and words that the writer took for the begin of a comment.
struct ValueWords {
    std::vector<TableReference> tables;
    std::vector<std::string> comments;
};

[[nodiscard]] ValueWords words_of(std::string_view text);

// The settings that tables of the type have.
[[nodiscard]] std::span<const std::string_view> table_attributes(std::string_view type);

// Warns about settings in the table's file that its type does not have.
void warn_unused_in_table_file(const TableReference& table);

}  // namespace relais::postconf
