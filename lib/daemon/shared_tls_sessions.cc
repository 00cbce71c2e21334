#include "lib/daemon/shared_tls_sessions.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/event/loop.h"
#include "lib/tls/random.h"

namespace relais {

namespace {

// A client waits no longer for what would only spare it a full handshake.
constexpr auto kPatience = std::chrono::seconds(2);
constexpr auto kPause = std::chrono::seconds(60);

constexpr std::string_view kNoAnswer = "no answer in time";

// The answer, or an error when it takes too long.
template <class T>
Task<Result<T>> soon(Task<Result<T>> asking) {
    auto answer = co_await with_timeout(kPatience, std::move(asking));
    if (!answer) {
        co_return fail(Errc::kTemporary, std::string(kNoAnswer));
    }
    co_return std::move(*answer);
}

Task<Result<void>> seed(TlsmgrClient* tlsmgr) {
    const auto count = static_cast<std::size_t>(conf().tls_daemon_random_bytes());
    auto bytes = co_await soon(tlsmgr->seed(count));
    if (!bytes) {
        co_return fail_with(bytes);
    }
    add_randomness(*bytes);
    co_return Result<void>();
}

}  // namespace

Task<void> seed_tls_library() {
    TlsmgrClient tlsmgr;
    if (auto seeded = co_await seed(&tlsmgr); !seeded) {
        log_warning("problem talking to service {}: {}", conf().tlsmgr_service_name(),
                    seeded.error().message);
    }
}

bool SharedTlsSessions::is_open() const {
    return cachable_ && (!pausing_ || pause_.passed());
}

// One warning for each pause.
void SharedTlsSessions::note_trouble(std::string_view why) {
    if (!pausing_ || pause_.passed()) {
        log_warning("problem talking to service {}: {}", conf().tlsmgr_service_name(), why);
    }
    pausing_ = true;
    pause_ = Deadline::after(kPause);
}

Task<Result<void>> SharedTlsSessions::ask() {
    if (auto seeded = co_await seed(&*tlsmgr_); !seeded) {
        co_return seeded;
    }
    auto policy = co_await soon(tlsmgr_->policy(name_));
    if (!policy) {
        co_return fail_with(policy);
    }
    cachable_ = policy->cachable;
    co_return Result<void>();
}

Task<void> SharedTlsSessions::open() {
    tlsmgr_.emplace();
    for (;;) {
        auto asked = co_await ask();
        asked_.set();
        if (asked) {
            co_return;
        }
        note_trouble(asked.error().message);
        co_await sleep_for(kPause);
    }
}

Task<void> SharedTlsSessions::ready() {
    try {
        co_await asked_.wait(Deadline::after(kPatience));
    } catch (const TimedOut&) {
        // A full handshake is better than none.
    }
}

Task<std::string> SharedTlsSessions::find(std::string name) {
    auto found = co_await soon(tlsmgr_->find_session(name_, std::move(name)));
    if (!found && found.error().code != Errc::kNotFound) {
        note_trouble(found.error().message);
    }
    co_return found.value_or("");
}

Task<void> SharedTlsSessions::put(std::string name, std::string session) {
    auto stored = co_await soon(tlsmgr_->store_session(name_, std::move(name), std::move(session)));
    if (!stored) {
        note_trouble(stored.error().message);
    }
}

Task<void> SharedTlsSessions::remove(std::string name) {
    auto removed = co_await soon(tlsmgr_->remove_session(name_, std::move(name)));
    if (!removed) {
        note_trouble(removed.error().message);
    }
}

}  // namespace relais
