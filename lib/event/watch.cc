#include "lib/event/watch.h"

#include <event2/event.h>

#include "lib/base/log.h"

namespace relais {

FdWatch::FdWatch(int fd, What what, std::function<void()> handler) : handler_(std::move(handler)) {
    int kind = what == What::kReadable ? EV_READ : EV_WRITE;
    event_ = Loop::current().make_event(fd, static_cast<short>(kind | EV_PERSIST),
                                        &FdWatch::on_event, this);
    if (event_add(event_.get(), nullptr) != 0) {
        log_fatal("cannot watch a descriptor");
    }
}

void FdWatch::on_event(int /*fd*/, short /*what*/, void* self) {
    // A copy, since the handler may destroy the watch and itself.
    std::function<void()> handler = static_cast<FdWatch*>(self)->handler_;
    handler();
}

TimerWatch::TimerWatch(std::function<void()> handler)
    : handler_(std::move(handler)),
      event_(Loop::current().make_event(-1, 0, &TimerWatch::on_timer, this)) {
}

void TimerWatch::set(std::chrono::microseconds time) {
    auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    timeval after{};
    after.tv_sec = seconds.count();
    after.tv_usec = (time - seconds).count();
    if (event_add(event_.get(), &after) != 0) {
        log_fatal("cannot set a timer");
    }
}

void TimerWatch::clear() {
    event_del(event_.get());
}

void TimerWatch::on_timer(int /*fd*/, short /*what*/, void* self) {
    static_cast<TimerWatch*>(self)->handler_();
}

}  // namespace relais
