#include "qmgr/remover.h"

#include <cerrno>
#include <utility>

#include <unistd.h>

#include "lib/event/blocking.h"

namespace relais::qmgr {

namespace {

// A thread takes all that waits, so that handing over costs little where there is much to do; where
// it falls behind, others help.
constexpr std::size_t kWorkers = 8;
constexpr std::size_t kBehind = 4;

}  // namespace

Task<int> Remover::remove(std::string path) {
    auto request = std::make_shared<Request>(Request{.path = std::move(path), .done = {}});
    waiting_.push_back(request);
    if (working_ == 0 || (working_ < kWorkers && waiting_.size() >= kBehind)) {
        ++working_;
        workers_.spawn(work());
    }
    co_await request->done.wait();
    co_return request->error;
}

Task<void> Remover::work() {
    while (!waiting_.empty()) {
        auto batch = std::exchange(waiting_, {});
        co_await run_blocking([&batch] {
            for (auto& request : batch) {
                request->error = ::unlink(request->path.c_str()) == 0 ? 0 : errno;
            }
        });
        for (auto& request : batch) {
            request->done.set();
        }
    }
    --working_;
}

}  // namespace relais::qmgr
