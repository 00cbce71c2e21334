// flush/<site>: the ids of the deferred messages for a site, one on each line; and the moving of
// those messages into the incoming queue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/queue/queue_dirs.h"

namespace relais::flush {

// "Example.COM" to "example_com": the name of a site's log file.  Nothing for a site that has no
// letter or digit.
[[nodiscard]] std::string site_file_name(std::string_view site);

// Adds a message to a site's log.
[[nodiscard]] Result<void> append_to_log(const QueueDirs& dirs, const std::string& file_name,
                                         std::string_view queue_id);

// The messages in a log, each once; the log is empty afterwards.
[[nodiscard]] Result<std::vector<std::string>> take_log(const QueueDirs& dirs,
                                                        const std::string& file_name);

// Is the mail tried although its destination is thought to be dead?
enum class DeadSites { kRespect, kTry };

// Moves a deferred message to the incoming queue.  False where there is none of that name.
bool release_message(const QueueDirs& dirs, const std::string& queue_id, DeadSites dead_sites);

// The logs that nobody has read for `refresh` seconds; those that stand unused and empty for
// `purge` seconds are removed.
[[nodiscard]] std::vector<std::string> old_logs(const QueueDirs& dirs, long refresh, long purge);

}  // namespace relais::flush
