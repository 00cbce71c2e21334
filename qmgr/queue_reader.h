// Scans one queue directory for messages that are due, a file at a time.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "lib/queue/queue_dirs.h"
#include "lib/queue/queue_scan.h"

namespace relais::qmgr {

enum class ScanTimes { kRespect, kIgnore };

class QueueReader {
  public:
    struct Found {
        std::string id;
        mode_t mode = 0;
    };

    explicit QueueReader(std::string queue) : queue_(std::move(queue)) {}

    // Asks for a scan.  While one is running, another one follows it: what came behind its back
    // must not wait.
    void request(ScanTimes times);

    // The next message that is due; nothing when no scan is running any more.
    std::optional<Found> next();

  private:
    bool is_due(const std::string& path, const QueueFileStatus& status) const;

    std::string queue_;
    std::optional<QueueScan> scan_;
    bool again_ = false;
    ScanTimes times_ = ScanTimes::kRespect;
    ScanTimes times_again_ = ScanTimes::kRespect;
};

}  // namespace relais::qmgr
