// -S: one client on standard input and output, as `sendmail -bs` and inetd-like programs start it.
#pragma once

#include "lib/daemon/daemon.h"

namespace relais {

// Runs one session with whoever is on descriptors 0 and 1.
[[nodiscard]] Task<void> serve_stdio(Daemon* daemon);

}  // namespace relais
