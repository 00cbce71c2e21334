#include "lib/event/watch.h"

#include <utility>

#include <event2/event.h>

#include "lib/base/log.h"

namespace relais {

static short event_bits(FdWatch::What what) {
    int bits = what == FdWatch::What::kReadable ? EV_READ : EV_WRITE;
    return static_cast<short>(bits | EV_PERSIST);
}

FdWatch::FdWatch(int fd, What what, std::function<void()> handler)
    : handler_(std::move(handler)),
      event_(Loop::current().make_event(fd, event_bits(what), &FdWatch::on_event, this)) {
}

void FdWatch::start() {
    if (!on_ && event_add(event_.get(), nullptr) != 0) {
        log_fatal("cannot watch a descriptor");
    }
    on_ = true;
}

void FdWatch::stop() {
    if (on_) {
        event_del(event_.get());
    }
    on_ = false;
}

void FdWatch::on_event(int /*fd*/, short /*what*/, void* self) {
    // A copy, since the handler may destroy the watch.
    std::function<void()> handler = static_cast<FdWatch*>(self)->handler_;
    handler();
}

Timer::Timer(std::function<void()> handler)
    : handler_(std::move(handler)),
      event_(Loop::current().make_event(-1, 0, &Timer::on_event, this)) {
}

void Timer::start(std::chrono::milliseconds time) {
    timeval wait{.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
    event_add(event_.get(), &wait);
    on_ = true;
}

void Timer::stop() {
    event_del(event_.get());
    on_ = false;
}

void Timer::on_event(int /*fd*/, short /*what*/, void* self) {
    auto* timer = static_cast<Timer*>(self);
    timer->on_ = false;
    // A copy, since the handler may destroy the timer.
    std::function<void()> handler = timer->handler_;
    handler();
}

}  // namespace relais
