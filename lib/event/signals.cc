#include "lib/event/signals.h"

#include <utility>

#include <event2/event.h>

#include "lib/base/log.h"

namespace relais {

SignalWatch::SignalWatch(int signal_number, std::function<void()> handler)
    : handler_(std::move(handler)),
      event_(Loop::current().make_event(signal_number, EV_SIGNAL | EV_PERSIST,
                                        &SignalWatch::on_signal, this)) {
    if (event_add(event_.get(), nullptr) != 0) {
        log_fatal("cannot watch signal {}", signal_number);
    }
}

SignalWatch::~SignalWatch() = default;

void SignalWatch::on_signal(int /*number*/, short /*what*/, void* self) {
    static_cast<SignalWatch*>(self)->handler_();
}

}  // namespace relais
