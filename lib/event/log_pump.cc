#include "lib/event/log_pump.h"

#include <algorithm>
#include <memory>

#include "lib/base/log.h"
#include "lib/base/log_backlog.h"
#include "lib/event/watch.h"

namespace relais {

namespace {

// A reader that is busy has room again soon; one that is away is not asked all the time.
constexpr auto kFirstWait = std::chrono::milliseconds(2);
constexpr auto kLongestWait = std::chrono::milliseconds(1000);

class Pump {
  public:
    void run() {
        std::size_t before = log_waiting();
        log_flush();
        std::size_t left = log_waiting();
        if (left < before) {
            wait_ = kFirstWait;
        }
        if (left > 0 && !timer_.is_on()) {
            timer_.start(wait_);
            wait_ = std::min(wait_ * 2, kLongestWait);
        }
    }

  private:
    Timer timer_{[] {}};  // has nothing to do but to end the loop's sleep
    std::chrono::milliseconds wait_ = kFirstWait;
};

}  // namespace

void pump_log() {
    auto pump = std::make_shared<Pump>();
    Loop::current().before_sleep([pump] { pump->run(); });
}

}  // namespace relais
