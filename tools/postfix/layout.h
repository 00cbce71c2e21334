// The files and directories of the mail system: owners, groups and modes as Postfix has them, what
// is created when it is missing, and what is wrong with what is there.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace relais::postfix_command {

// The words behind the first, each a name=value, stand from now on for what main.cf says.
void use_settings(const std::vector<std::string>& words);

// Makes missing directories, with their owners and modes.
void create_missing();

// Why the system cannot start at all.
[[nodiscard]] std::optional<std::string> fatal_problem();

// What an administrator should look at: ownership, permissions, stale files in the chroot jail.
[[nodiscard]] std::vector<std::string> layout_warnings();

// `postfix set-permissions [name=value ...]`: gives everything its owner and mode.
int set_permissions(const std::vector<std::string>& words);

}  // namespace relais::postfix_command
