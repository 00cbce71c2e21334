// Filters of system calls that somebody else has put around this process: systemd's
// SystemCallFilter=, a container.
#pragma once

namespace relais {

// Whether `call` can be made at all: such a filter may end who makes a call that it does not know.
// Then a child has tried it; fatal where there can be none.
[[nodiscard]] bool is_survived(void (*call)());

}  // namespace relais
