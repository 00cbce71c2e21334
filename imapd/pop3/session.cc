#include "imapd/pop3/session.h"

#include "lib/access/last_words.h"
#include "lib/access/session_log.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/pop3/command_line.h"

#include "imapd/pop3/session_lock.h"

namespace relais {

namespace {

constexpr int kMaxBadCommands = 21;  // in a row

}  // namespace

void Pop3Session::ok(std::string_view text) {
    stream_.write(text.empty() ? "+OK\r\n" : format("+OK {}\r\n", text));
    bad_commands_ = 0;
}

void Pop3Session::refuse(std::string_view text) {
    bool enough = ++bad_commands_ > kMaxBadCommands;
    stream_.write(format("-ERR {}\r\n", enough ? "Too many bad commands." : text));
    if (enough) {
        why_ = "Too many bad commands";
        done_ = true;
    }
}

std::string Pop3Session::totals() const {
    std::uint64_t octets = maildrop_.octets();
    for (const Maildrop::Entry& entry : maildrop_.entries()) {
        octets += entry.deleted ? entry.size : 0;
    }
    return format("top={}/{}, retr={}/{}, del={}/{}, size={}", done_so_far_.tops,
                  done_so_far_.top_octets, done_so_far_.retrievals, done_so_far_.retrieved_octets,
                  done_so_far_.deleted, maildrop_.entries().size(), octets);
}

Task<void> Pop3Session::run(SessionStart start) {
    stream_.set_timeout(conf().pop3_idle_timeout());
    std::string last_words;
    try {
        co_await converse(std::move(start));
        co_await stream_.flush();
    } catch (const TimedOut&) {
        why_ = "Inactivity";
        last_words = "-ERR Disconnected for inactivity.\r\n";
    } catch (const Cancelled&) {
        why_ = kServerEnds;
        last_words = format("-ERR [SYS/TEMP] {}\r\n", kServerEnds);
    } catch (const EndOfStream&) {
        why_ = "Connection closed";
    } catch (const IoError& error) {
        why_ = format("Connection closed: {}", error.what());
    }
    if (!last_words.empty()) {
        co_await say_last_words(&stream_, std::move(last_words));
    }
    log_session(session_of("pop3", user_.name()), format("Disconnected: {} {}", why_, totals()));
}

Task<bool> Pop3Session::enter() {
    auto opened = co_await maildrop_.open();
    if (!opened) {
        log_warning("user {}: {}", printable(user_.name()), opened.error().message);
        stream_.write("-ERR [SYS/TEMP] Mail is not accessible.\r\n");
        why_ = "Mail is not accessible";
        co_return false;
    }
    ok("Logged in.");
    co_return true;
}

// What was read stays read however the session ends; what was deleted goes with QUIT alone.
Task<void> Pop3Session::converse(SessionStart start) {
    early_input_ = std::move(start.input);
    SessionLock lock(user_.root());
    bool locked = !conf().pop3_lock_session();
    if (!locked) {
        auto taken = co_await lock.acquire();
        locked = taken.has_value();
        if (!taken) {
            bool other = taken.error().code == Errc::kTemporary;
            why_ = taken.error().message;
            stream_.write(other ? "-ERR [IN-USE] Mailbox is locked by another POP3 session.\r\n"
                                : "-ERR [SYS/TEMP] Failed to create POP3 session lock.\r\n");
        }
    }
    std::exception_ptr trouble;
    try {
        bool entered = locked;
        if (locked) {
            entered = co_await enter();
        }
        while (entered && !done_) {
            auto line = co_await next_line();
            if (!line) {
                break;
            }
            co_await handle(std::move(*line));
        }
    } catch (...) {
        trouble = std::current_exception();
    }
    // Also when the session is being cancelled.
    co_await shielded(maildrop_.note_seen());
    co_await lock.release();
    if (trouble) {
        std::rethrow_exception(trouble);
    }
}

Task<std::optional<std::string>> Pop3Session::next_line() {
    for (;;) {
        std::string_view input = early_input_.empty() ? stream_.buffered() : early_input_;
        auto end = input.find('\n');
        bool whole = end != std::string_view::npos;
        if ((whole ? end : input.size()) > pop3::kMaxLine) {
            stream_.write("-ERR Input line too long.\r\n");
            why_ = "Input line too long";
            co_return std::nullopt;
        }
        if (whole) {
            std::string line(input.substr(0, end));
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            if (early_input_.empty()) {
                stream_.consume(end + 1);
            } else {
                early_input_.erase(0, end + 1);
            }
            co_return line;
        }
        bool more = co_await stream_.fill();
        if (!more) {
            throw EndOfStream();
        }
        if (!early_input_.empty()) {
            // The beginning of a line came with the connection: its end is behind it.
            early_input_ += stream_.buffered();
            stream_.consume(stream_.buffered().size());
        }
    }
}

Task<void> Pop3Session::handle(std::string line) {
    pop3::CommandLine command = pop3::parse_command(line);
    Command run = find_command(command.name);
    if (run == nullptr) {
        refuse(command.name.empty() ? std::string("Unknown command.")
                                    : "Unknown command: " + printable(command.name.substr(0, 100)));
    } else if (!maildrop_.valid()) {
        stream_.write("-ERR [SYS/TEMP] Mailbox is in inconsistent state, please relogin.\r\n");
        why_ = "The mailbox is another one now";
        done_ = true;
    } else {
        co_await (this->*run)(command.arguments);
    }
    if (is_much()) {
        co_await stream_.flush();
    }
}

}  // namespace relais
