// What postconf -t and -b show: the texts of notifications as they stand, or with names expanded.
#pragma once

#include <string>

#include "bounce/templates.h"

namespace relais::bounce {

[[nodiscard]] std::string dump_templates(const Templates& templates);
[[nodiscard]] std::string dump_expanded(const Templates& templates);

}  // namespace relais::bounce
