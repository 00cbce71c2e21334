#include "qmgr/queue_reader.h"

#include <ctime>

#include "lib/base/log.h"

namespace relais::qmgr {

void QueueReader::request(ScanTimes times) {
    again_ = true;
    if (times == ScanTimes::kIgnore) {
        times_again_ = ScanTimes::kIgnore;
    }
}

bool QueueReader::is_due(const std::string& path, const QueueFileStatus& status) const {
    if (!status.ready()) {
        return false;
    }
    if (times_ == ScanTimes::kIgnore) {
        return true;
    }
    std::time_t now = std::time(nullptr);
    if (status.info.st_mtime <= now + 1) {
        return true;
    }
    if (queue_ == kIncoming && log_verbose() > 0) {
        log_info("{}: not due yet", path);
    }
    return false;
}

std::optional<QueueReader::Found> QueueReader::next() {
    for (;;) {
        if (!scan_) {
            if (!again_) {
                return std::nullopt;
            }
            again_ = false;
            times_ = std::exchange(times_again_, ScanTimes::kRespect);
            auto scan = QueueScan::open(queue_);
            if (!scan) {
                log_warning("{}", scan.error().message);
                return std::nullopt;
            }
            scan_.emplace(std::move(*scan));
        }
        auto entry = scan_->next();
        if (!entry) {
            scan_.reset();
            continue;
        }
        auto status = queue_file_status(entry->path);
        if (valid_queue_id(entry->name) && status && is_due(entry->path, *status)) {
            return Found{entry->name, status->info.st_mode};
        }
    }
}

}  // namespace relais::qmgr
