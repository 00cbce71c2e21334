// Which programs a bad value of a parameter concerns (conf/parameter-readers.tsv).
#pragma once

#include <cstddef>
#include <string_view>

namespace relais {

// Whether the program refuses to start when that parameter has a value that is none.
[[nodiscard]] bool refuses_bad_value(std::string_view program, std::size_t parameter);

}  // namespace relais
