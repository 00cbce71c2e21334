#include "imapd/imap/change_teller.h"

#include <sys/socket.h>

#include "lib/access/watcher.h"
#include "lib/config/config.h"

#include "imapd/imap/notifier.h"

namespace relais {

namespace {

// Until something has changed since `seen`, or the time has passed.
Task<void> wait_for_change(Changes& changes, std::uint64_t seen, std::chrono::milliseconds time) {
    try {
        co_await changes.wait_beyond(seen, Deadline::after(time));
    } catch (const TimedOut&) {
        co_return;
    }
}

}  // namespace

ChangeTeller::ChangeTeller(Session& session, Moment moment) : session_(session), moment_(moment) {
    bool told = !session.notifier || session.notifier->tells_selected();
    if (session.selected && told) {
        mailbox_ = session.selected->shared_mailbox();
    }
}

Changes& ChangeTeller::news() const {
    return session_.notifier ? session_.notifier->news() : mailbox_->box.changes();
}

Task<void> ChangeTeller::during(Task<void> client) {
    TaskGroup tasks;
    if (session_.notifier || watches_selected()) {
        tasks.spawn(watch());
    }
    if (session_.notifier && watches_selected()) {
        tasks.spawn(relay());
    }
    std::exception_ptr ended;
    try {
        co_await std::move(client);
    } catch (...) {
        ended = std::current_exception();
    }
    stop_ = true;
    wake();
    co_await tasks.join_or_close();
    if (ended) {
        std::rethrow_exception(ended);
    }
}

void ChangeTeller::wake() {
    if (watches_selected()) {
        mailbox_->box.changes().announce();
    }
    if (session_.notifier) {
        session_.notifier->news().announce();
    }
}

// What other sessions of the process do in the selected mailbox is known before the kernel tells.
Task<void> ChangeTeller::relay() {
    Changes& changes = mailbox_->box.changes();
    while (!stop_) {
        auto seen = changes.count();
        co_await changes.wait_beyond(seen);
        session_.notifier->news().announce();
    }
}

Task<void> ChangeTeller::tell_once() {
    bool hold = moment_ == Moment::kBetweenCommands && !session_.notifier->expunges_at_once();
    if (watches_selected()) {
        co_await session_.sync(hold ? Expunges::kHold : Expunges::kTell, WithUid::kNo);
    }
    if (session_.notifier) {
        co_await session_.notifier->tell();
    }
}

std::chrono::milliseconds ChangeTeller::time_to_wait(std::chrono::milliseconds poll) const {
    auto due = session_.notifier ? session_.notifier->due() : std::nullopt;
    if (!due) {
        return poll;
    }
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*due - std::chrono::steady_clock::now());
    return std::clamp(left, std::chrono::milliseconds(1), poll);
}

Task<void> ChangeTeller::tell_changes() {
    auto notify = std::chrono::milliseconds(conf().imap_idle_notify_interval());
    auto last_word = std::chrono::steady_clock::now();
    std::optional<DirectoryWatch> watch;
    if (watches_selected()) {
        watch.emplace(mailbox_->box);
    }
    bool polls = watch && !watch->active();
    auto poll = polls ? std::min(notify, watch->poll_interval()) : notify;
    // The first look is for what came before the watch.
    while (!stop_) {
        auto seen = news().count();
        co_await tell_once();
        auto now = std::chrono::steady_clock::now();
        bool quiet = session_.stream.unsent() == 0 && now - last_word >= notify;
        if (quiet && moment_ == Moment::kIdle) {
            session_.stream.write("* OK Still here\r\n");
        }
        if (session_.stream.unsent() > 0) {
            last_word = now;
            co_await session_.stream.flush();
        }
        co_await wait_for_change(news(), seen, time_to_wait(poll));
    }
}

Task<void> ChangeTeller::watch() {
    bool broken = false;
    try {
        co_await tell_changes();
    } catch (const IoError&) {
        broken = true;
    } catch (const TimedOut&) {
        broken = true;
    }
    if (broken) {
        // Ends the wait for the client as well.
        ::shutdown(session_.stream.fd(), SHUT_RD);
    }
}

}  // namespace relais
