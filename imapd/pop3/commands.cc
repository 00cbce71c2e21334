// The commands of a session.  RFC 1939 5 to 7; CAPA: RFC 2449; LAST: RFC 1460.
#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/pop3/capabilities.h"
#include "lib/pop3/command_line.h"

#include "imapd/pop3/session.h"
#include "imapd/pop3/settings.h"

namespace relais {

Pop3Session::Command Pop3Session::find_command(std::string_view name) {
    static constexpr std::array<std::pair<std::string_view, Command>, 11> kCommands = {{
        {"CAPA", &Pop3Session::capa},
        {"DELE", &Pop3Session::dele},
        {"LAST", &Pop3Session::last},
        {"LIST", &Pop3Session::list},
        {"NOOP", &Pop3Session::noop},
        {"QUIT", &Pop3Session::quit},
        {"RETR", &Pop3Session::retr},
        {"RSET", &Pop3Session::rset},
        {"STAT", &Pop3Session::stat},
        {"TOP", &Pop3Session::top},
        {"UIDL", &Pop3Session::uidl},
    }};
    auto found = std::ranges::find(kCommands, name, &std::pair<std::string_view, Command>::first);
    bool known = found != kCommands.end() && (name != "LAST" || conf().pop3_enable_last());
    return known ? found->second : nullptr;
}

std::optional<std::size_t> Pop3Session::take_message(std::string_view& arguments) {
    std::string_view before = arguments;
    auto number = pop3::take_number(arguments);
    if (!number) {
        refuse("Invalid message number: " + printable(before.substr(0, 100)));
    } else if (*number > std::numeric_limits<std::uint32_t>::max()) {
        refuse("Message number too large: " + printable(before.substr(0, 100)));
    } else if (!arguments.empty() && arguments.front() != ' ') {
        refuse("Noise after message number: " + printable(arguments.substr(0, 100)));
    } else if (*number == 0 || *number > maildrop_.entries().size()) {
        refuse(format("There's no message {}.", *number));
    } else if (maildrop_.entries()[*number - 1].deleted) {
        refuse("Message is deleted.");
    } else {
        return static_cast<std::size_t>(*number - 1);
    }
    return std::nullopt;
}

Task<void> Pop3Session::capa(std::string_view /*arguments*/) {
    stream_.write("+OK\r\n" + std::string(pop3::kCapabilities) + ".\r\n");
    bad_commands_ = 0;
    co_return;
}

Task<void> Pop3Session::noop(std::string_view /*arguments*/) {
    ok();
    co_return;
}

Task<void> Pop3Session::stat(std::string_view /*arguments*/) {
    ok(format("{} {}", maildrop_.count(), maildrop_.octets()));
    co_return;
}

Task<void> Pop3Session::last(std::string_view /*arguments*/) {
    ok(std::to_string(maildrop_.last_seen()));
    co_return;
}

Task<void> Pop3Session::rset(std::string_view /*arguments*/) {
    maildrop_.reset();
    if (conf().pop3_enable_last()) {
        co_await maildrop_.forget_seen();
    }
    ok();
}

Task<void> Pop3Session::dele(std::string_view arguments) {
    auto at = take_message(arguments);
    if (at && !arguments.empty()) {
        refuse("Noise after message number: " + printable(arguments.substr(0, 100)));
    } else if (at) {
        maildrop_.mark_deleted(*at);
        ok("Marked to be deleted.");
    }
    co_return;
}

Task<void> Pop3Session::list(std::string_view arguments) {
    if (!arguments.empty()) {
        auto at = take_message(arguments);
        if (at && !arguments.empty()) {
            refuse("Noise after message number: " + printable(arguments.substr(0, 100)));
        } else if (at) {
            ok(format("{} {}", *at + 1, maildrop_.entries()[*at].size));
        }
        co_return;
    }
    ok(format("{} messages:", maildrop_.count()));
    for (std::size_t i = 0; i < maildrop_.entries().size(); ++i) {
        const Maildrop::Entry& entry = maildrop_.entries()[i];
        if (!entry.deleted) {
            stream_.write(format("{} {}\r\n", i + 1, entry.size));
            if (is_much()) {
                co_await stream_.flush();
            }
        }
    }
    stream_.write(".\r\n");
}

Task<void> Pop3Session::uidl(std::string_view arguments) {
    std::optional<std::size_t> only;
    if (!arguments.empty()) {
        only = take_message(arguments);
        if (only && !arguments.empty()) {
            refuse("Noise after message number: " + printable(arguments.substr(0, 100)));
            co_return;
        }
        if (!only) {
            co_return;
        }
    }
    auto prepared = co_await maildrop_.prepare_uidls();
    if (!prepared) {
        log_warning("user {}: {}", printable(user_.name()), prepared.error().message);
        refuse("[SYS/TEMP] The identifiers could not be stored.");
        co_return;
    }
    if (only) {
        ok(format("{} {}", *only + 1, maildrop_.uidl(*only)));
        co_return;
    }
    ok();
    for (std::size_t i = 0; i < maildrop_.entries().size(); ++i) {
        if (!maildrop_.entries()[i].deleted) {
            stream_.write(format("{} {}\r\n", i + 1, maildrop_.uidl(i)));
            if (is_much()) {
                co_await stream_.flush();
            }
        }
    }
    stream_.write(".\r\n");
}

void Pop3Session::tell_gone(std::size_t at, const Error& why) {
    if (why.code == Errc::kNotFound) {
        refuse(format("Message {} expunged.", at + 1));
        return;
    }
    log_warning("user {}: {}", printable(user_.name()), why.message);
    bool for_good = why.sys_errno == EACCES || why.sys_errno == EPERM || why.code != Errc::kSystem;
    refuse(for_good ? "[SYS/PERM] The message cannot be read."
                    : "[SYS/TEMP] The message cannot be read now.");
}

Task<void> Pop3Session::send(MessageFile file, pop3::TextRules rules, std::uint64_t* octets) {
    rules.replace_nul = pop3_settings().replace_nul;
    rules.end_header = pop3_settings().end_header;
    pop3::MessageText text(file.text(), rules);
    std::string piece;
    for (bool more = true; more;) {
        piece.clear();
        more = text.next(piece);
        *octets += piece.size();
        stream_.write(piece);
        if (is_much()) {
            co_await stream_.flush();
        }
    }
}

Task<void> Pop3Session::retr(std::string_view arguments) {
    auto at = take_message(arguments);
    if (!at) {
        co_return;
    }
    if (!arguments.empty()) {
        refuse("Noise after message number: " + printable(arguments.substr(0, 100)));
        co_return;
    }
    auto file = co_await maildrop_.read(*at);
    if (!file) {
        tell_gone(*at, file.error());
        co_return;
    }
    ++done_so_far_.retrievals;
    ok(format("{} octets", maildrop_.entries()[*at].size));
    co_await send(std::move(*file), {}, &done_so_far_.retrieved_octets);
    maildrop_.mark_retrieved(*at);
}

Task<void> Pop3Session::top(std::string_view arguments) {
    auto at = take_message(arguments);
    if (!at) {
        co_return;
    }
    if (arguments.empty()) {
        refuse("Noise after message number: ");
        co_return;
    }
    arguments = trim_left(arguments, " ");
    std::string_view before = arguments;
    auto lines = pop3::take_number(arguments);
    bool too_large = lines && *lines == std::numeric_limits<std::uint64_t>::max();
    if (!lines || too_large || !arguments.empty()) {
        std::string_view why = !lines      ? "Invalid size: "
                               : too_large ? "Size too large: "
                                           : "Noise after size: ";
        bool noise = lines && !too_large;
        refuse(std::string(why) + printable((noise ? arguments : before).substr(0, 100)));
        co_return;
    }
    auto file = co_await maildrop_.read(*at);
    if (!file) {
        tell_gone(*at, file.error());
        co_return;
    }
    ++done_so_far_.tops;
    ok();
    pop3::TextRules rules;
    rules.body_lines = lines;
    co_await send(std::move(*file), rules, &done_so_far_.top_octets);
}

// The UPDATE state (RFC 1939 6): what is removed is removed for good when the client hears of it.
Task<void> Pop3Session::quit(std::string_view /*arguments*/) {
    done_ = true;
    why_ = "Logged out";
    std::size_t deleted = maildrop_.deleted_count();
    auto removed = co_await maildrop_.remove_deleted();
    if (!removed) {
        log_warning("user {}: {}", printable(user_.name()), removed.error().message);
        int reason = removed.error().sys_errno;
        bool for_good = reason == EACCES || reason == EPERM || reason == EROFS || reason == EISDIR;
        refuse(for_good ? "[SYS/PERM] Some deleted messages are not removed."
                        : "[SYS/TEMP] Some deleted messages are not removed.");
        co_return;
    }
    done_so_far_.deleted = deleted;
    ok(deleted > 0 ? "Logging out, messages deleted." : "Logging out.");
}

}  // namespace relais
