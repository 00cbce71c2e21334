// The % variables in parameters about users: %u the name, %n its part before the "@", %d the
// domain, %h the home directory, %% a percent sign; %L before a letter means lower case.
#pragma once

#include <string>
#include <string_view>

namespace relais {

[[nodiscard]] std::string expand_user_variables(std::string_view text, std::string_view user,
                                                std::string_view home = {});

}  // namespace relais
