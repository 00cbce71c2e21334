// Adding services to master.cf, for Debian's postfix-add-filter and postfix-add-policy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

// What may stand in a column of master.cf.
[[nodiscard]] bool is_master_cf_word(std::string_view text);

// The comment above entries that `tool` adds, with the names of the columns.
[[nodiscard]] std::string added_service_heading(std::string_view tool);

// True where master.cf has a service of one of these names; a number is the port of a TCP service,
// whatever its address.
[[nodiscard]] Result<bool> service_is_taken(const std::string& config_directory,
                                            const std::vector<std::string>& names);

// Appends `entries` to master.cf, whose old content stays in master.cf.SECONDS.
[[nodiscard]] Result<void> append_to_master_cf(const std::string& config_directory,
                                               std::string_view entries);

}  // namespace relais
