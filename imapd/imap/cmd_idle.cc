// IDLE.  RFC 2177: the client says nothing, and is told what happens in its mailbox.
#include "lib/base/strings.h"

#include "imapd/imap/change_teller.h"
#include "imapd/imap/commands.h"

namespace relais {

namespace {

// The next line, which should be DONE.
Task<void> read_line(Session& session, std::string& line) {
    for (;;) {
        std::string_view input = session.input();
        auto end = input.find('\n');
        line += input.substr(0, end);
        if (end != std::string_view::npos) {
            session.consume(end + 1);
            co_return;
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
    std::string line;
    ChangeTeller teller(session, ChangeTeller::Moment::kIdle);
    co_await teller.during(read_line(session, line));
    session.stream.set_timeout(timeout);
    if (!iequals(trim(line), "DONE")) {
        co_return Reply::bad("Expected DONE.");
    }
    co_return Reply::ok("Idle completed.");
}

}  // namespace relais
