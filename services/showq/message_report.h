// What showq(8) says about one message.
#pragma once

#include <string>
#include <string_view>

#include "lib/queue/queue_dirs.h"

namespace relais::showq {

// The attribute list for the message; empty for a file that is no complete message, or is gone.
[[nodiscard]] std::string report_message(const QueueDirs& dirs, std::string_view queue,
                                         const std::string& id, const std::string& path);

}  // namespace relais::showq
