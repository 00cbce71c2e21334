#include "cleanup/commit.h"

#include <cstdio>
#include <memory>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/daemon/daemon.h"
#include "lib/event/blocking.h"

namespace relais::cleanup {

namespace {

void put_size_record(Message& message) {
    SizeRecord size;
    size.size = message.xtra_offset - message.data_offset;
    size.data_offset = message.data_offset;
    size.recipients = message.recipient_count;
    size.qmgr_flags = message.qmgr_flags;
    size.content_length = size.size;
    size.sendopts = message.utf8;
    std::string record;
    append_record(record, Rec::kSize, format_size_record(size));
    if (auto put = message.file.overwrite(0, record); !put) {
        log_warning("{}: write queue file: {}", message.id(), put.error().message);
        message.fail(kCleanupWrite);
    }
}

void move_to_hold(Service& service, Message& message) {
    if (auto moved = service.dirs.move(message.id(), kIncoming, kHold); !moved) {
        log_warning("{}: {}", message.id(), moved.error().message);
        message.fail(kCleanupWrite);
        return;
    }
    message.file.moved_to(service.dirs.path(kHold, message.id()));
    // qmgr will never see this message: the token that it would put back is put back here.
    char token = 0;
    static_cast<void>(::write(kFlowWriteFd, &token, 1));
}

}  // namespace

Task<void> commit_message(Service& service, Message& message) {
    put_size_record(message);
    if (auto flushed = message.file.flush(); !flushed && message.status == 0) {
        log_warning("{}: write queue file: {}", message.id(), flushed.error().message);
        message.fail(kCleanupWrite);
    }
    bool hold = (message.flags & kCleanupHold) != 0;
    if (message.status == 0 && hold) {
        move_to_hold(service, message);
    }
    if (message.status != 0) {
        co_return;
    }
    auto fd = std::make_shared<UniqueFd>(message.file.detach());
    std::string path = message.file.path();
    auto synced = co_await run_blocking(
        [fd, path] { return sync_queue_file(std::move(*fd), path, kModeReady); });
    if (!synced) {
        log_warning("{}: {}", message.id(), synced.error().message);
        message.fail(kCleanupWrite);
        co_return;
    }
    if (!hold) {
        service.new_mail();
    }
}

Task<void> return_to_sender(Service&, Message&) {
    co_return;
}

}  // namespace relais::cleanup
