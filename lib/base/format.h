// Text formatting: {fmt} under one name, until std::format is everywhere.
#pragma once

#include <fmt/core.h>

namespace relais {

template <class... Args>
[[nodiscard]] std::string format(fmt::format_string<Args...> text, Args&&... args) {
    return fmt::vformat(text, fmt::make_format_args(args...));
}

}  // namespace relais
