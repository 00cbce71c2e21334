// A table that is opened when it is first asked for (proxymap): for the process's sandbox, which is
// entered before.
#pragma once

#include <string_view>

namespace relais {

// What the table ("type:name") needs beyond its own files, as its settings say now.  What is wrong
// with them is told when it is opened.
void note_later_table(std::string_view reference);

}  // namespace relais
