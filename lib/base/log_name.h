// Lines in the log under another name than the program's.
#pragma once

#include <string_view>

#include "lib/base/log.h"

namespace relais {

// "NAME[pid]: text", for readers of that program's log.
void log_line_as(std::string_view name, Severity severity, std::string_view text);

}  // namespace relais
