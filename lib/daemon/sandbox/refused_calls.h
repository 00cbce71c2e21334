// What happens when a system call is refused: the handler of SIGSYS.  In strict mode the call fails
// with EPERM and the process goes on; in log mode it is made after all, by the one instruction that
// the filter lets through.  Either way the log has a line, which is written without a lock and
// without memory of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/daemon/sandbox/landlock.h"

namespace relais {

enum class Refusal { kFails, kIsOnlyLogged };

// The calls that take a path or a port, which log mode looks at itself: there is no Landlock then.
[[nodiscard]] std::vector<int> calls_with_places();

// Where the instruction that is let through ends: for the filter of log mode.
[[nodiscard]] std::uint64_t passing_instruction();

// From now on.  `rules` are what Landlock would be told.
void handle_refused_calls(Refusal refusal, FileAndPortRules rules);

}  // namespace relais
