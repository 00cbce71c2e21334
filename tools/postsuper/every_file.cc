#include "tools/postsuper/every_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/event/loop.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

constexpr int kAtOnce = 6;
constexpr std::size_t kBatch = 512;

struct Work {
    QueueScan scan;
    FileAction action;
    FilesDone result;
};

struct BatchResult {
    std::uint64_t done = 0;
    std::vector<std::string> errors;
};

// In the order of the inodes, which is that on the disk.
std::vector<QueueScan::Entry> next_batch(QueueScan& scan) {
    std::vector<QueueScan::Entry> batch;
    while (batch.size() < kBatch) {
        auto entry = scan.next();
        if (!entry) {
            break;
        }
        batch.push_back(std::move(*entry));
    }
    std::ranges::sort(batch, {}, &QueueScan::Entry::inode);
    return batch;
}

BatchResult act_on(const std::vector<QueueScan::Entry>& batch, const FileAction& action) {
    BatchResult out;
    for (const QueueScan::Entry& entry : batch) {
        auto done = action(entry);
        if (done) {
            out.done += *done ? 1 : 0;
        } else if (done.error().sys_errno != ENOENT) {
            out.errors.push_back(done.error().message);
        }
    }
    return out;
}

Task<void> act_on_batches(Work* work) {
    for (;;) {
        auto batch = next_batch(work->scan);
        if (batch.empty()) {
            co_return;
        }
        BatchResult result =
            co_await run_blocking([&batch, work] { return act_on(batch, work->action); });
        work->result.done += result.done;
        work->result.failed |= !result.errors.empty();
        for (const std::string& error : result.errors) {
            log_warning("{}", error);
        }
    }
}

Task<void> act_on_all(Work* work) {
    TaskGroup group;
    for (int i = 0; i < kAtOnce; ++i) {
        group.spawn(act_on_batches(work));
    }
    co_await group.join();
}

}  // namespace

FilesDone on_every_file(const std::string& queue, FileAction action) {
    auto scan = QueueScan::open(queue);
    if (!scan) {
        log_warning("{}", scan.error().message);
        return {};
    }
    Work work{std::move(*scan), std::move(action), {}};
    Loop::current().run_task(act_on_all(&work));
    return work.result;
}

}  // namespace relais
