#include "tools/postsuper/every_file.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/event/loop.h"
#include "lib/event/task_group.h"

#include "tools/postsuper/unread_directories.h"

namespace relais {

namespace {

// Large enough that most batches are a directory of their own: who change the same one wait for
// each other.
constexpr std::size_t kBatch = 2048;

struct Work {
    QueueScan scan;
    FileAction action;
    FilesDone result;
    std::optional<QueueScan::Entry> next = std::nullopt;  // read, and not in a batch yet
};

struct BatchResult {
    std::uint64_t done = 0;
    std::vector<std::string> errors;
};

std::string_view directory_of(const QueueScan::Entry& entry) {
    return std::string_view(entry.path).substr(0, entry.path.rfind('/'));
}

// Files of one directory, in the order of the inodes, which is that on the disk.
std::vector<QueueScan::Entry> next_batch(Work& work) {
    std::vector<QueueScan::Entry> batch;
    while (batch.size() < kBatch) {
        if (!work.next) {
            work.next = work.scan.next();
        }
        bool fits =
            work.next && (batch.empty() || directory_of(*work.next) == directory_of(batch.back()));
        if (!fits) {
            break;
        }
        batch.push_back(*std::exchange(work.next, std::nullopt));
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
        auto batch = next_batch(*work);
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

int threads_for(Overlap overlap) {
    constexpr int kMany = 8;
    constexpr int kFew = 2;
    return overlap == Overlap::kMuch ? kMany : kFew;
}

Task<void> act_on_all(Work* work, Overlap overlap) {
    TaskGroup group;
    for (int i = 0; i < threads_for(overlap); ++i) {
        group.spawn(act_on_batches(work));
    }
    co_await group.join();
}

}  // namespace

FilesDone on_every_file(const std::string& queue, Overlap overlap, FileAction action) {
    auto scan = QueueScan::open(queue);
    if (!scan) {
        log_warning("{}", scan.error().message);
        return {};
    }
    Work work{std::move(*scan), std::move(action), {}};
    Loop::current().run_task(act_on_all(&work, overlap));
    end_where_unread(work.scan.troubles());
    return work.result;
}

}  // namespace relais
