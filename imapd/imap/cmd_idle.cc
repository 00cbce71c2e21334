// IDLE.  RFC 2177: the client says nothing, and is told what happens in its mailbox.
//
// One task watches and writes, this one reads until DONE.  The watcher is never cancelled in the
// middle of a write: it is told to stop, and woken.
#include "lib/access/watcher.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/task_group.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

struct IdleState {
    bool stop = false;
    bool broken = false;  // the watcher could not go on
};

// Until something has changed since `seen`, or the time has passed.
Task<void> wait_for_change(Changes& changes, std::uint64_t seen, std::chrono::milliseconds time) {
    try {
        co_await changes.wait_beyond(seen, Deadline::after(time));
    } catch (const TimedOut&) {
        co_return;
    }
}

Task<void> tell_changes(Session& session, IdleState& state) {
    auto notify = std::chrono::milliseconds(conf().imap_idle_notify_interval());
    auto last_word = std::chrono::steady_clock::now();
    Changes& changes = session.selected->box().changes();
    DirectoryWatch watch(session.selected->box());
    // The first look is for what came before the watch.
    while (!state.stop) {
        auto seen = changes.count();
        co_await session.sync(Expunges::kTell, WithUid::kNo);
        auto now = std::chrono::steady_clock::now();
        if (session.stream.unsent() == 0 && now - last_word >= notify) {
            session.stream.write("* OK Still here\r\n");
        }
        if (session.stream.unsent() > 0) {
            last_word = now;
            co_await session.stream.flush();
        }
        auto poll = watch.active() ? notify : std::min(notify, watch.poll_interval());
        co_await wait_for_change(changes, seen, poll);
    }
}

Task<void> watch_mailbox(Session& session, IdleState& state) {
    try {
        co_await tell_changes(session, state);
    } catch (const IoError&) {
        state.broken = true;
    } catch (const TimedOut&) {
        state.broken = true;
    }
    if (state.broken) {
        // Ends the wait for DONE as well.
        ::shutdown(session.stream.fd(), SHUT_RD);
    }
}

// The next line, which should be DONE.
Task<std::string> read_line(Session& session) {
    std::string line;
    for (;;) {
        std::string_view input = session.input();
        auto end = input.find('\n');
        line += input.substr(0, end);
        if (end != std::string_view::npos) {
            session.consume(end + 1);
            co_return std::string(trim(line));
        }
        session.consume(input.size());
        if (line.size() > 1000) {
            throw IoError("no DONE after IDLE");
        }
        // Without the flush of fill(): writing is the watcher's business now.
        co_await session.stream.wait_readable();
        if (!session.stream.fill_now()) {
            throw EndOfStream();
        }
    }
}

}  // namespace

Task<Reply> cmd_idle(Session& session, Command& command) {
    if (!command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    session.stream.write("+ idling\r\n");
    if (session.selected) {
        co_await session.sync(Expunges::kTell, WithUid::kNo);
    }
    co_await session.stream.flush();
    auto timeout = session.stream.timeout();
    // Clients repeat IDLE at least every 29 minutes, but those that do not are no burden.
    session.stream.set_timeout(std::chrono::hours(24));
    IdleState state;
    TaskGroup watcher;
    if (session.selected) {
        watcher.spawn(watch_mailbox(session, state));
    }
    std::string line;
    std::exception_ptr ended;
    try {
        line = co_await read_line(session);
    } catch (...) {
        ended = std::current_exception();
    }
    state.stop = true;
    if (session.selected) {
        session.selected->box().changes().announce();
    }
    co_await watcher.join();
    session.stream.set_timeout(timeout);
    if (ended) {
        std::rethrow_exception(ended);
    }
    if (!iequals(line, "DONE")) {
        co_return Reply::bad("Expected DONE.");
    }
    co_return Reply::ok("Idle completed.");
}

}  // namespace relais
