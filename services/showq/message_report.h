// What showq(8) says about one message.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/queue/queue_dirs.h"

namespace relais::showq {

// Where the files are and how addresses are shown: what is the same for all messages.
struct ReportSettings {
    QueueDirs dirs;
    std::string empty_address;
    Utf8 utf8;
};

// The attribute list for the message; empty for a file that is no complete message, or is gone.
// Called on several threads: reads nothing but the files.
[[nodiscard]] std::string report_message(const ReportSettings& settings, std::string_view queue,
                                         const std::string& id, const std::string& path);

}  // namespace relais::showq
