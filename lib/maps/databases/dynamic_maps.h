// dynamicmaps.cf and dynamicmaps.cf.d: which table types are plug-ins, where their shared objects
// are, and loading them.  The files are Postfix's, line for line; the shared objects stand under
// Postfix's names and are ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

// The types that the files name, in their order.
[[nodiscard]] std::vector<std::string> dynamic_map_types();

// Loads the plug-in of a type and returns its open function.  `kind` is what the plug-in must say
// of itself in its symbol relais_plugin, so that nothing else is ever called through the pointer.
// Loaded plug-ins stay loaded.
[[nodiscard]] Result<void*> load_table_plugin(std::string_view type, std::string_view kind);

}  // namespace relais
