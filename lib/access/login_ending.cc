#include "lib/access/login_ending.h"

#include <csignal>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/event/errors.h"
#include "lib/event/signals.h"

namespace relais {

namespace {

// Longer than a client is waited for (last_words.h).
constexpr std::chrono::seconds kPatience{3};

}  // namespace

LoginEnding::Place::Place(LoginEnding& ending, LoginSession* session)
    : ending_(ending), place_(ending.sessions_.insert(ending.sessions_.end(), session)) {
    ending_.empty_.clear();
    if (ending_.ends_.is_set()) {
        session->end_with_server();
    }
}

LoginEnding::Place::~Place() {
    ending_.sessions_.erase(place_);
    if (ending_.sessions_.empty()) {
        ending_.empty_.set();
    }
}

Task<void> LoginEnding::wait() {
    SignalWatch signal(SIGTERM, [this] { ends_.set(); });
    co_await ends_.wait();
    for (LoginSession* session : sessions_) {
        session->end_with_server();
    }
    try {
        if (!sessions_.empty()) {
            co_await empty_.wait(Deadline::after(kPatience));
        }
    } catch (const TimedOut&) {
        // Who still does not listen has been told.
    }
    log_flush(200);
    ::_exit(0);
}

}  // namespace relais
