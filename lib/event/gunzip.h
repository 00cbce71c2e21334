// What gzip (RFC 1952) has made small, in one piece.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// kCorrupt: it is damaged, incomplete, or something follows it; kTooLarge: more than `most` bytes
// would come out.
[[nodiscard]] Result<std::string> gunzip(std::string_view compressed, std::size_t most);

}  // namespace relais
