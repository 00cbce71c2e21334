// Stand-alone sessions (`sendmail -bs`) run as the user who started them and have no way to
// cleanup: their mail goes through the postdrop command into the maildrop queue.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/ipc/cleanup_client.h"

namespace relais::smtpd {

// Starts postdrop and reads the queue id.  postdrop takes records and answers like cleanup.
[[nodiscard]] Task<Result<std::unique_ptr<CleanupClient>>> open_postdrop();

}  // namespace relais::smtpd
