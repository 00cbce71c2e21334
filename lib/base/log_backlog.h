// How far the log reader is behind.
#pragma once

#include <cstddef>

namespace relais {

// Lines that wait in memory because the log socket could not take them.
std::size_t log_waiting();

}  // namespace relais
