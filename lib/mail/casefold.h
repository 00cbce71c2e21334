// Case folding of text that may be internationalized: addresses and domains as keys of tables.
#pragma once

#include <string>
#include <string_view>

namespace relais {

// ASCII text is lowered; other UTF-8 text is folded by Unicode's full case folding.  Text that is
// not UTF-8 only has its ASCII letters lowered.
[[nodiscard]] std::string fold_case(std::string_view text);

}  // namespace relais
