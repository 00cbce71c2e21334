// qmgr(8), the queue manager: takes mail from the incoming and deferred queues into a bounded
// active queue, has delivery agents deliver it, and returns, defers or removes each message.
//
// Woken by cleanup, flush and postqueue (trigger bytes on public/qmgr) and by its own timer.  It
// reads queue files and never writes message content; agents mark what they have done.

#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/sync.h"
#include "lib/rules/direct_resolver.h"

#include "qmgr/active_queue.h"
#include "qmgr/flow_control.h"
#include "qmgr/queue_reader.h"

using namespace relais;
using namespace relais::qmgr;

namespace {

class QueueManager : public Daemon {
  public:
    explicit QueueManager(Queueing queueing) : queueing_(queueing) {}

    // Inside a jail it could not see that tables or main.cf have changed.
    void before_jail() override {
        if (!process_info().chrooted) {
            resolver_ = DirectResolver::make(DirectResolver::Lifetime::kEndless);
        }
    }

    void after_jail() override {
        if (conf().bounce_queue_lifetime() > conf().maximal_queue_lifetime()) {
            log_warning(
                "bounce_queue_lifetime is larger than maximal_queue_lifetime - adjusting "
                "bounce_queue_lifetime");
        }
        active_ = std::make_unique<ActiveQueue>(queueing_, resolver_.get());
        active_->requeue_leftovers();
        active_->on_room([this] { work_.set(); });
        incoming_ = std::make_unique<QueueReader>(std::string(kIncoming));
        deferred_ = std::make_unique<QueueReader>(std::string(kDeferred));
        flow_.fill();
    }

    Task<void> background() override {
        incoming_->request();
        deferred_->request();
        TaskGroup timers;
        timers.spawn(scan_deferred_regularly());
        for (;;) {
            bool more = step();
            if (more) {
                co_await yield();
            } else {
                co_await work_.wait();
            }
        }
    }

    // `W` or `I`: look at incoming; `D`: at deferred; `F`: forget what is dead, and
    // try the transports of defer_transports; `A`: regardless of
    // the times that are set.  `F` and `A` alone start nothing: they are about the next scan, and
    // one that runs (flush sends `F`, and `I` when it has moved files).
    Task<void> trigger(std::string bytes) override {
        auto has = [&](char byte) { return bytes.find(byte) != std::string::npos; };
        ScanMode mode{.at_any_time = has('A'), .all_transports = has('F')};
        if (has('F')) {
            active_->scheduler().revive_all();
        }
        incoming_->modify(mode);
        deferred_->modify(mode);
        if (has('W') || has('I')) {
            incoming_->request();
        }
        if (has('D')) {
            deferred_->request();
        }
        work_.set();
        co_return;
    }

    std::chrono::seconds watchdog_timeout() const override { return conf().qmgr_daemon_timeout(); }

    Task<void> shut_down() override { co_await active_->close(); }

  private:
    // One message from each queue in turn.  False: there is nothing to do, or no room to do it.
    bool step() {
        work_.clear();
        if (!active_->has_room()) {
            return false;
        }
        bool some = false;
        if (auto found = incoming_->next()) {
            active_->take(std::string(kIncoming), *found);
            flow_.add_token();
            some = true;
        } else {
            flow_.fill();
        }
        if (active_->has_room()) {
            if (auto found = deferred_->next()) {
                active_->take(std::string(kDeferred), *found);
                some = true;
            }
        }
        if (!some) {
            active_->scheduler().tidy();
        }
        return some;
    }

    Task<void> scan_deferred_regularly() {
        for (;;) {
            co_await sleep_for(conf().queue_run_delay());
            deferred_->request();
            work_.set();
        }
    }

    Queueing queueing_;
    std::unique_ptr<DirectResolver> resolver_;
    std::unique_ptr<ActiveQueue> active_;
    std::unique_ptr<QueueReader> incoming_;
    std::unique_ptr<QueueReader> deferred_;
    FlowControl flow_;
    Flag work_;
};

}  // namespace

// All mail, and nothing else.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, "incoming"},
              {Access::kChange, "active"},
              {Access::kChange, "deferred"},
              {Access::kChange, "corrupt"},
              {Access::kChange, "saved"},
              {Access::kChange, "bounce"},
              {Access::kChange, "defer"},
              {Access::kChange, "trace"},
              {Access::kWrite, "public"},
              {Access::kRead, "$config_directory"}},
};

// The queue manager of old is the same program under the name oqmgr: no message overtakes another,
// and destinations take turns.
int main(int argc, char** argv) {
    std::string_view path = argc > 0 ? argv[0] : "qmgr";
    bool old = path.substr(path.rfind('/') + 1) == "oqmgr";
    Queueing queueing = old ? Queueing::kDestinations : Queueing::kMessages;
    DaemonTraits traits{.name = old ? "oqmgr" : "qmgr",
                        .kind = ServiceKind::kTrigger,
                        .limit = ProcessLimit::kOne,
                        .lifetime = Lifetime::kEndless};
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits,
                      [queueing] { return std::make_unique<QueueManager>(queueing); });
}
