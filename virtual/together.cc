#include "virtual/together.h"

#include <algorithm>
#include <utility>

#include "lib/event/blocking.h"
#include "lib/event/task_group.h"

namespace relais::virtual_agent {

namespace {

// Where a file system does not sync several files in one go, it does so beside each other.
constexpr std::size_t kThreads = 4;

Task<void> sync_share(std::vector<MaildirDelivery*>* files, std::size_t first) {
    co_await run_blocking([files, first] {
        for (std::size_t i = first; i < files->size(); i += kThreads) {
            (*files)[i]->sync();
        }
    });
}

}  // namespace

void MaildirDelivery::start_sync() const {
    if (*written_) {
        (*written_)->start_sync();
    }
}

void MaildirDelivery::sync() {
    if (*written_) {
        synced_ = (*written_)->sync();
    }
}

Result<DeliveredFile> MaildirDelivery::finish() {
    if (!synced_) {
        sync();
    }
    Result<MaildirMessage> message = *std::exchange(written_, std::nullopt);
    if (!message) {
        return fail_with(message);
    }
    if (!*synced_) {
        return fail_with(*synced_);
    }
    return message->publish();
}

Task<void> sync_together(std::vector<PreparedDelivery>* deliveries) {
    std::vector<MaildirDelivery*> files;
    for (PreparedDelivery& each : *deliveries) {
        if (each.maildir) {
            files.push_back(&*each.maildir);
        }
    }
    if (files.size() == 1) {
        files.front()->sync();
        co_return;
    }
    for (const MaildirDelivery* file : files) {
        file->start_sync();
    }
    TaskGroup threads;
    for (std::size_t i = 0; i < std::min(kThreads, files.size()); ++i) {
        threads.spawn(sync_share(&files, i));
    }
    co_await threads.join_or_close();
}

}  // namespace relais::virtual_agent
