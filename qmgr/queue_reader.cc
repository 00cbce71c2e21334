#include "qmgr/queue_reader.h"

#include <ctime>

#include "lib/base/log.h"

namespace relais::qmgr {

void QueueReader::modify(ScanMode mode) {
    mode_again_.add(mode);
    if (scan_) {
        mode_.add(mode);
    }
}

bool QueueReader::is_due(const std::string& path, const QueueFileStatus& status) const {
    if (!status.ready()) {
        return false;
    }
    if (mode_.at_any_time) {
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
            mode_ = std::exchange(mode_again_, ScanMode());
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
            return Found{entry->name, status->info.st_mode, mode_.all_transports};
        }
    }
}

}  // namespace relais::qmgr
