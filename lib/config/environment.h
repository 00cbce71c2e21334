// import_environment and export_environment: the variables that another program gets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais {

// What the list in this parameter says, as NAME=value: "NAME" with the value that it has here, if
// any; "NAME=value", and "{ NAME = value }" where the value has blanks.  Ends the process where
// the list makes no sense.
[[nodiscard]] std::vector<std::string> listed_environment(std::string_view parameter,
                                                          std::string_view list);

}  // namespace relais
