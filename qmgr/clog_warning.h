// What the log says when mail for one destination fills the active queue (qmgr_clog_warn_time).
#pragma once

#include "qmgr/transport.h"

namespace relais::qmgr {

// Warns when the destination has more than a fifth of qmgr_message_active_limit, and of what may
// help.  `active` messages are in the active queue.
void warn_of_clog(const Transport& transport, Destination& destination, std::size_t active);

}  // namespace relais::qmgr
