// The end of a message in cleanup: on disk and handed to qmgr, or returned to its sender.
#pragma once

#include "cleanup/message.h"
#include "cleanup/service.h"

namespace relais::cleanup {

// Completes the file, brings it to disk and tells qmgr.  What fails ends up in message.status.
[[nodiscard]] Task<void> commit_message(Service& service, Message& message);

// With the bounce flag: a delivery status notification for every recipient instead of an error for
// the client.  Clears message.status where that succeeded.
[[nodiscard]] Task<void> return_to_sender(Service& service, Message& message);

}  // namespace relais::cleanup
