#include "imapd/imap/session.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

constexpr std::size_t kDrainAt = std::size_t{64} * 1024;
constexpr int kMaxBadCommands = 20;

using Event = imap::CommandReader::Event;

// The last command but UID ones gets its sequence numbers shifted by EXPUNGE: those wait.
Expunges allowed_expunges(const CommandInfo& info, const Command& command) {
    bool hold = info.updates == Updates::kNoExpunge && !command.uid;
    return hold ? Expunges::kHold : Expunges::kTell;
}

}  // namespace

std::string_view session_capabilities() {
    return "IMAP4rev1 SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN LITERAL+ "
           "SPECIAL-USE LIST-EXTENDED LIST-STATUS ESEARCH WITHIN STATUS=SIZE";
}

void Session::consume(std::size_t count) {
    if (early_input.empty()) {
        stream.consume(count);
        return;
    }
    early_input.erase(0, count);
    if (early_input.empty()) {
        std::string().swap(early_input);
    }
}

Task<void> Session::read_more() {
    bool more = co_await stream.fill();
    if (!more) {
        throw EndOfStream();
    }
}

Task<void> Session::drain() {
    if (stream.unsent() >= kDrainAt) {
        co_await stream.flush();
    }
}

void Session::greet(const SessionStart& start) {
    if (start.tag.empty()) {
        stream.write(format("* PREAUTH [CAPABILITY {}] Logged in as {}\r\n", session_capabilities(),
                            printable(user.name())));
    } else {
        stream.write(
            format("{} OK [CAPABILITY {}] Logged in\r\n", start.tag, session_capabilities()));
    }
}

Task<void> Session::run(SessionStart start) {
    stream.set_timeout(conf().imap_idle_timeout());
    reader = imap::CommandReader(static_cast<std::size_t>(conf().imap_command_size_limit()));
    early_input = start.input;
    std::string why = "logged out";
    bool tell_timeout = false;
    try {
        greet(start);
        co_await converse();
        co_await stream.flush();
    } catch (const TimedOut&) {
        why = "no command for too long";
        tell_timeout = true;
    } catch (const Cancelled&) {
        why = "server shutting down";
    } catch (const IoError& error) {
        why = error.what();
    }
    selected.reset();
    if (tell_timeout) {
        try {
            stream.set_timeout(std::chrono::seconds(5));
            stream.write("* BYE Disconnected for inactivity.\r\n");
            co_await stream.flush();
        } catch (const IoError&) {
            // It has gone for good, then.
        } catch (const TimedOut&) {
        } catch (const Cancelled&) {
        }
    }
    log_info("disconnect: user={}, client=[{}]: {}", printable(user.name()),
             printable(start.remote_address), why);
}

Task<void> Session::converse() {
    while (!done_) {
        Event event = co_await next_event();
        switch (event) {
            case Event::kCommand:
            case Event::kTooLong:
            case Event::kMessage:
                co_await handle_command(event);
                reader.next();
                break;
            default:
                stream.write("* BYE Input buffer full, aborting\r\n");
                co_return;
        }
    }
}

Task<Event> Session::next_event() {
    for (;;) {
        if (input().empty()) {
            co_await read_more();
        }
        std::size_t taken = 0;
        Event event = reader.feed(input(), taken);
        consume(taken);
        if (event == Event::kContinue) {
            stream.write("+ OK\r\n");
        } else if (event != Event::kNeedMore) {
            co_return event;
        }
    }
}

void Session::answer(std::string_view tag, const Reply& reply) {
    std::string_view word = reply.kind == Reply::Kind::kOk   ? "OK"
                            : reply.kind == Reply::Kind::kNo ? "NO"
                                                             : "BAD";
    stream.write(format("{} {} {}\r\n", tag, word, reply.text));
    bad_commands_ = reply.kind == Reply::Kind::kBad ? bad_commands_ + 1 : 0;
    if (bad_commands_ >= kMaxBadCommands) {
        stream.write("* BYE Too many invalid IMAP commands.\r\n");
        done_ = true;
    }
}

Task<void> Session::handle_command(Event event) {
    Command command;
    command.tag = reader.tag();
    if (event == Event::kTooLong) {
        answer(command.tag, Reply::bad("Error in IMAP command: Too long"));
        co_return;
    }
    command.arguments = imap::Scanner(reader.command());
    bool tagged = command.tag != "*" && command.arguments.atom() == command.tag;
    auto name = tagged && command.arguments.space() ? command.arguments.atom() : std::nullopt;
    if (name && iequals(*name, "UID") && command.arguments.space()) {
        command.uid = true;
        name = command.arguments.atom();
    }
    if (!name) {
        answer(tagged ? command.tag : "*", Reply::bad("Error in IMAP command received by server."));
        co_return;
    }
    command.name = uppercase(*name);
    const CommandInfo* info = find_command(command.name);
    if (info == nullptr || (command.uid && !info->takes_uid)) {
        answer(command.tag, Reply::bad(format("Error in IMAP command {}: Unknown command.",
                                              printable(command.name))));
        co_return;
    }
    if (info->state == NeededState::kSelected && !selected) {
        answer(command.tag, Reply::bad("No mailbox selected."));
        co_return;
    }
    Reply reply = co_await info->run(*this, command);
    if (info->updates != Updates::kNone && selected) {
        co_await sync(allowed_expunges(*info, command), command.with_uid());
    }
    answer(command.tag, reply);
    co_await drain();
}

Task<void> Session::sync(Expunges expunges, WithUid with_uid) {
    auto synced = co_await selected->sync();
    if (!synced || !selected->valid()) {
        if (!synced) {
            log_warning("mailbox {}: {}", selected->mailbox().name, synced.error().message);
        }
        selected.reset();
        stream.write("* BYE The selected mailbox is gone.\r\n");
        co_await stream.flush();
        throw IoError("the selected mailbox is gone");
    }
    std::string out;
    selected->report(out, expunges, with_uid);
    stream.write(out);
}

}  // namespace relais
