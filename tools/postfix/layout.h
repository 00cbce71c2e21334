// The files and directories of the mail system: owners, groups and modes as Postfix has them, what
// is created when it is missing, and what is wrong with what is there.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace relais::postfix_command {

// From now on each name=value stands for what main.cf says; config_directory=PATH, for where it is
// read.
void use_settings(std::span<const std::string> settings);

// Makes missing directories, with their owners and modes.
void create_missing();

// Why the system cannot start at all.
[[nodiscard]] std::optional<std::string> fatal_problem();

// What an administrator should look at: ownership, permissions, stale files in the chroot jail.
[[nodiscard]] std::vector<std::string> layout_warnings();

// Gives everything its owner and mode.  The exit status.
int set_permissions();

}  // namespace relais::postfix_command
