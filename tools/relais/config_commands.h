// relais config ...
#pragma once

#include <string>
#include <vector>

namespace relais {

// "FILE:LINE: name = value" for each name, or for all that are set; "default: name = value" for one
// that is not.  Status 1 when a name is no parameter and is set nowhere.
int config_sources(const std::vector<std::string>& names);

// The parameters of the table that nothing reads yet, one a line.
int config_unimplemented();
// Those of them that the configuration sets, with their places; status 1 when there are any.
int config_unimplemented_set();

}  // namespace relais
