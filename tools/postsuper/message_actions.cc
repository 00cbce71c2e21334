#include "tools/postsuper/message_actions.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/queue/queue_scan.h"

namespace relais {

namespace {

constexpr std::array<std::string_view, 5> kMessageQueues = {kMaildrop, kIncoming, kActive,
                                                            kDeferred, kHold};
constexpr std::array<std::string_view, 4> kLogQueues = {kTraceLog, kDeferLog, kBounceLog,
                                                        kFlushLog};
// A message may be renamed from one queue to another while we look at both.
constexpr int kTries = 2;

bool exists(const QueueDirs& dirs, std::string_view queue, const std::string& id) {
    auto status = queue_file_status(dirs.path(queue, id));
    return status && status->ready();
}

void remove_logs(const QueueDirs& dirs, const std::string& id) {
    for (std::string_view log : {kBounceLog, kDeferLog, kTraceLog}) {
        auto removed = dirs.remove(log, id);
        if (!removed && removed.error().sys_errno != ENOENT) {
            log_warning("{}", removed.error().message);
        }
    }
}

std::string_view past_tense(MessageAction action) {
    switch (action) {
        case MessageAction::kDelete:
            return "removed";
        case MessageAction::kExpire:
        case MessageAction::kExpireAndRelease:
            return "expired";
        case MessageAction::kHold:
            return "placed on hold";
        case MessageAction::kRelease:
            return "released from hold";
        case MessageAction::kRequeue:
            return "requeued";
    }
    return "";
}

}  // namespace

bool is_message_queue(std::string_view queue) {
    return std::ranges::find(kMessageQueues, queue) != kMessageQueues.end();
}

bool is_known_queue(std::string_view queue) {
    return is_message_queue(queue) || std::ranges::find(kLogQueues, queue) != kLogQueues.end();
}

std::vector<std::string> default_queues(MessageAction action) {
    switch (action) {
        case MessageAction::kHold:
            return {"incoming", "active", "deferred"};
        case MessageAction::kRelease:
            return {"hold"};
        default:
            break;
    }
    return {"defer", "bounce", "maildrop", "incoming", "active", "deferred", "hold", "flush"};
}

void Tally::log() const {
    static constexpr std::pair<MessageAction, std::string_view> kLines[] = {
        {MessageAction::kRequeue, "Requeued"},           {MessageAction::kDelete, "Deleted"},
        {MessageAction::kExpire, "Force-expired"},       {MessageAction::kHold, "Placed on hold"},
        {MessageAction::kRelease, "Released from hold"},
    };
    for (const auto& [action, text] : kLines) {
        if (auto found = done.find(action); found != done.end()) {
            log_info("{}: {} message{}", text, found->second, found->second == 1 ? "" : "s");
        }
    }
    if (renamed > 0) {
        log_info("Renamed to match inode number: {} message{}", renamed, renamed == 1 ? "" : "s");
        log_warning("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
    }
}

void MessageActions::log_one(MessageAction action, const std::string& id) {
    log_info("{}: {}", id, past_tense(action));
}

bool MessageActions::remove_message(std::string_view queue, const std::string& id) {
    if (!exists(dirs_, queue, id)) {
        return false;
    }
    // The logs first: a log without its message would stay for ever.
    remove_logs(dirs_, id);
    auto removed = dirs_.remove(queue, id);
    if (!removed && removed.error().sys_errno != ENOENT) {
        log_warning("{}", removed.error().message);
    }
    return removed.has_value();
}

bool MessageActions::expire(std::string_view queue, const std::string& id) {
    std::string path = dirs_.path(queue, id);
    auto status = queue_file_status(path);
    if (!status || !status->ready() || status->force_expired()) {
        return false;
    }
    if (::chmod(path.c_str(), (status->info.st_mode & 07777) | kModeForceExpire) != 0) {
        log_warning("chmod {}: {}", path, std::strerror(errno));
        return false;
    }
    return true;
}

bool MessageActions::move(std::string_view queue, std::string_view to, const std::string& id) {
    if (!exists(dirs_, queue, id)) {
        return false;
    }
    auto moved = dirs_.move(id, queue, to);
    if (!moved && moved.error().sys_errno != ENOENT) {
        log_warning("{}", moved.error().message);
    }
    return moved.has_value();
}

// True when the action applies to the message in this queue, and was done.
bool MessageActions::try_message(MessageAction action, std::string_view queue,
                                 const std::string& id) {
    if (!is_message_queue(queue)) {
        return false;
    }
    bool submitted = queue == kMaildrop;
    bool held = queue == kHold;
    switch (action) {
        case MessageAction::kDelete:
            return remove_message(queue, id);
        case MessageAction::kExpire:
            return !submitted && expire(queue, id);
        case MessageAction::kHold:
            return !submitted && !held && move(queue, kHold, id);
        case MessageAction::kRelease:
            return held && move(queue, kDeferred, id);
        case MessageAction::kRequeue:
            return !submitted && move(queue, kMaildrop, id);
        case MessageAction::kExpireAndRelease:
            break;
    }
    return false;
}

void MessageActions::expect(MessageAction action) {
    if (action == MessageAction::kExpireAndRelease) {
        expect(MessageAction::kExpire);
        expect(MessageAction::kRelease);
    } else {
        tally_.done.try_emplace(action, 0);
    }
}

void MessageActions::on_message(MessageAction action, const std::string& id,
                                const std::vector<std::string>& queues) {
    if (action == MessageAction::kExpireAndRelease) {
        on_message(MessageAction::kExpire, id, queues);
        on_message(MessageAction::kRelease, id, default_queues(MessageAction::kRelease));
        return;
    }
    expect(action);
    if (!valid_queue_id(id)) {
        log_warning("invalid mail queue id: {}", id);
        return;
    }
    for (int attempt = 0; attempt < kTries; ++attempt) {
        for (const std::string& queue : queues) {
            if (action == MessageAction::kRequeue && queue != kMaildrop) {
                // A new life: not before its time, and not late.
                ::utimensat(AT_FDCWD, dirs_.path(queue, id).c_str(), nullptr, 0);
            }
            if (try_message(action, queue, id)) {
                log_one(action, id);
                ++tally_.done[action];
                return;
            }
        }
    }
}

void MessageActions::remove_everything(const std::string& queue) {
    auto scan = QueueScan::open(queue);
    if (!scan) {
        log_warning("{}", scan.error().message);
        return;
    }
    bool messages = is_message_queue(queue);
    while (auto entry = scan->next()) {
        auto status = queue_file_status(entry->path);
        if (!status || ::unlink(entry->path.c_str()) != 0) {
            continue;
        }
        if (messages && status->ready()) {
            ++tally_.done[MessageAction::kDelete];
        }
    }
}

void MessageActions::on_all(MessageAction action, const std::vector<std::string>& queues) {
    if (action == MessageAction::kExpireAndRelease) {
        on_all(MessageAction::kExpire, queues);
        on_all(MessageAction::kRelease, default_queues(MessageAction::kRelease));
        return;
    }
    expect(action);
    for (const std::string& queue : queues) {
        if (action == MessageAction::kDelete) {
            remove_everything(queue);
            continue;
        }
        if (!is_message_queue(queue)) {
            continue;
        }
        auto scan = QueueScan::open(queue);
        if (!scan) {
            log_warning("{}", scan.error().message);
            continue;
        }
        std::vector<std::string> ids;
        while (auto entry = scan->next()) {
            ids.push_back(std::move(entry->name));
        }
        for (const std::string& id : ids) {
            if (valid_queue_id(id) && try_message(action, queue, id)) {
                ++tally_.done[action];
            }
        }
    }
}

}  // namespace relais
