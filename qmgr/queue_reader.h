// Scans one queue directory for messages that are due, a file at a time.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "lib/queue/queue_dirs.h"
#include "lib/queue/queue_scan.h"

namespace relais::qmgr {

// How a scan was asked for.
struct ScanMode {
    bool at_any_time = false;     // regardless of the times that are set
    bool all_transports = false;  // also those in defer_transports

    void add(ScanMode other) {
        at_any_time |= other.at_any_time;
        all_transports |= other.all_transports;
    }
};

class QueueReader {
  public:
    struct Found {
        std::string id;
        mode_t mode = 0;
        bool all_transports = false;
    };

    explicit QueueReader(std::string queue) : queue_(std::move(queue)) {}

    // Asks for a scan.  While one is running, another one follows it: what came behind its back
    // must not wait.
    void request() { again_ = true; }

    // For the scan that is running and the one to come.
    void modify(ScanMode mode);

    // The next message that is due; nothing when no scan is running any more.
    std::optional<Found> next();

  private:
    bool is_due(const std::string& path, const QueueFileStatus& status) const;

    std::string queue_;
    std::optional<QueueScan> scan_;
    bool again_ = false;
    ScanMode mode_;
    ScanMode mode_again_;
};

}  // namespace relais::qmgr
