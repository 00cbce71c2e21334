// A message from standard input on its way to postdrop(1).
#pragma once

#include "tools/sendmail/options.h"

namespace relais {

// The exit status.  What goes wrong ends the process with a message.
[[nodiscard]] int submit_message(const SendmailOptions& options);

}  // namespace relais
