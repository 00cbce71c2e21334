// One line of the log from a signal handler.
#pragma once

#include <string_view>

namespace relais {

// A warning, with what is not printable replaced, and cut where it is long.  Takes no lock and no
// memory, keeps errno; lost where the log reader has no room for a fifth of a second.  Only when
// the log is open.
void log_urgent(std::string_view text) noexcept;

}  // namespace relais
