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

#include "tools/postsuper/every_file.h"

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

// A log that cannot be removed is no reason to keep the message.
void remove_logs(const QueueDirs& dirs, const std::string& id) {
    for (std::string_view log : {kBounceLog, kDeferLog, kTraceLog}) {
        static_cast<void>(dirs.remove(log, id));
    }
}

Result<bool> done_by(const Result<void>& result) {
    if (!result) {
        return fail_with(result);
    }
    return true;
}

// Whatever it is; a message that is complete counts.
Result<bool> remove_file(const QueueScan::Entry& entry, bool messages) {
    bool counts = false;
    if (messages) {
        auto status = queue_file_status(entry.path);
        counts = status && status->ready();
    }
    if (::unlink(entry.path.c_str()) != 0) {
        return fail_errno("remove " + entry.path);
    }
    return counts;
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

Result<bool> MessageActions::remove_message(std::string_view queue, const std::string& id) const {
    if (!exists(dirs_, queue, id)) {
        return false;
    }
    // The logs first: a log without its message would stay for ever.
    remove_logs(dirs_, id);
    return done_by(dirs_.remove(queue, id));
}

Result<bool> MessageActions::expire(std::string_view queue, const std::string& id) const {
    std::string path = dirs_.path(queue, id);
    auto status = queue_file_status(path);
    if (!status || !status->ready() || status->force_expired()) {
        return false;
    }
    if (::chmod(path.c_str(), (status->info.st_mode & 07777) | kModeForceExpire) != 0) {
        return fail_errno("chmod " + path);
    }
    return true;
}

Result<bool> MessageActions::move(std::string_view queue, std::string_view to,
                                  const std::string& id) const {
    if (!exists(dirs_, queue, id)) {
        return false;
    }
    return done_by(dirs_.move(id, queue, to));
}

Result<bool> MessageActions::try_message(MessageAction action, std::string_view queue,
                                         const std::string& id) const {
    if (!is_message_queue(queue)) {
        return false;
    }
    bool submitted = queue == kMaildrop;
    bool held = queue == kHold;
    switch (action) {
        case MessageAction::kDelete:
            return remove_message(queue, id);
        case MessageAction::kExpire:
            return submitted ? false : expire(queue, id);
        case MessageAction::kHold:
            return submitted || held ? false : move(queue, kHold, id);
        case MessageAction::kRelease:
            return held ? move(queue, kDeferred, id) : false;
        case MessageAction::kRequeue:
            return submitted ? false : move(queue, kMaildrop, id);
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
            auto done = try_message(action, queue, id);
            if (!done && done.error().sys_errno != ENOENT) {
                log_warning("{}", done.error().message);
                tally_.failed |= action != MessageAction::kExpire;
            }
            if (done.value_or(false)) {
                log_one(action, id);
                ++tally_.done[action];
                return;
            }
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
        bool messages = is_message_queue(queue);
        FilesDone result;
        if (action == MessageAction::kDelete) {
            auto remove = [messages](const auto& entry) { return remove_file(entry, messages); };
            result = on_every_file(queue, Overlap::kMuch, remove);
        } else if (messages) {
            auto act = [&](const auto& entry) -> Result<bool> {
                return valid_queue_id(entry.name) ? try_message(action, queue, entry.name) : false;
            };
            bool moves = action != MessageAction::kExpire;
            result = on_every_file(queue, moves ? Overlap::kLittle : Overlap::kMuch, act);
        }
        tally_.done[action] += result.done;
        tally_.failed |= result.failed && action != MessageAction::kExpire;
    }
}

}  // namespace relais
