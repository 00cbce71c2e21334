// Keeps the log moving in a process with a loop: before each sleep, and soon again while lines wait
// that the log reader had no room for.
#pragma once

namespace relais {

// Called once, after the log was opened.
void pump_log();

}  // namespace relais
