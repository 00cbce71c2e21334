#include "imapd/pop3-login/session.h"

#include <algorithm>
#include <utility>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/pop3/capabilities.h"
#include "lib/pop3/command_line.h"

#include "imapd/pop3-login/backend.h"

namespace relais {

namespace {

constexpr int kMaxBadCommands = 10;

}  // namespace

std::string_view Pop3LoginSession::bye(Bye why) const {
    switch (why) {
        case Bye::kNoRoom:
            return "-ERR [IN-USE] Too many connections, try again later.\r\n";
        case Bye::kAddressLimit:
            return "-ERR [IN-USE] Too many connections from your address.\r\n";
        case Bye::kSilent:
            return "-ERR Disconnected for inactivity.\r\n";
        case Bye::kServerEnds:
            return "-ERR Shutting down\r\n";
        case Bye::kFailures:
            break;
    }
    return "";  // the answer to the last command has said it: POP3 has no other place
}

// The codes are those of RFC 2449 8.1 and RFC 3206: without one, clients that poll ask for another
// password.
void Pop3LoginSession::refuse(const std::string& /*tag*/, Refusal why, std::string_view text) {
    auto words = [why] {
        switch (why) {
            case Refusal::kPrivacy:
                return "[AUTH] Plaintext authentication disallowed on non-secure connections.";
            case Refusal::kUnsupported:
                return "[AUTH] Unsupported authentication mechanism.";
            case Refusal::kUnavailable:
                return "[SYS/TEMP] Temporary authentication failure.";
            case Refusal::kBadInitial:
                return "[AUTH] Invalid base64 data in initial response.";
            case Refusal::kBadResponse:
                return "[AUTH] Invalid base64 data in response.";
            case Refusal::kCancelled:
                return "Authentication aborted by client.";
            case Refusal::kTooManyFailures:
                return "[SYS/TEMP] Too many failed logins from your address, try again later.";
            case Refusal::kWrong:
                return "[AUTH] Authentication failed.";
            case Refusal::kNotAuthorized:
                return "[AUTH] Authorization failed";
            case Refusal::kDisabled:
                return "[SYS/PERM] ";
            case Refusal::kTooManySessions:
                return "[IN-USE] ";
            case Refusal::kElsewhere:
                return "[SYS/TEMP] Account is temporarily unavailable.";
            case Refusal::kInternal:
                break;
        }
        return "[SYS/TEMP] Internal error, try again later.";
    };
    bool with_reason = why == Refusal::kTooManySessions || why == Refusal::kDisabled;
    stream_.write(format("-ERR {}{}\r\n", words(), with_reason ? text : ""));
}

void Pop3LoginSession::bad_command(std::string_view text) {
    if (++bad_commands_ > kMaxBadCommands) {
        text = "Too many bad commands.";
        end_.because("Too many invalid commands");
        done_ = true;
    }
    stream_.write(format("-ERR {}\r\n", text));
}

Task<void> Pop3LoginSession::greet() {
    challenge_ = co_await apop_challenge();
    stream_.write(format("+OK {}Relais ready.{}{}\r\n", trusted() ? "[XCLIENT] " : "",
                         challenge_.empty() ? "" : " ", challenge_));
}

Task<bool> Pop3LoginSession::next_command() {
    for (;;) {
        std::string_view input = stream_.buffered();
        auto end = input.find('\n');
        if (std::min(end, input.size()) > pop3::kMaxLine) {
            stream_.write("-ERR Input buffer full, aborting\r\n");
            co_return false;
        }
        if (end != std::string_view::npos) {
            std::string line(input.substr(0, end));
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            stream_.consume(end + 1);
            co_await handle(std::move(line));
            co_return true;
        }
        bool more = co_await stream_.fill();
        if (!more) {
            co_return false;
        }
    }
}

Task<void> Pop3LoginSession::handle(std::string line) {
    pop3::CommandLine command = pop3::parse_command(line);
    int bad_before = std::exchange(bad_commands_, 0);
    if (command.name == "CAPA") {
        co_await capa();
    } else if (command.name == "USER") {
        user_ = std::string(command.arguments);
        stream_.write("+OK\r\n");
    } else if (command.name == "PASS") {
        // As it stands: a password may begin with a blank, and there is but one before it.
        co_await pass(std::string_view(line).substr(std::min<std::size_t>(line.size(), 5)));
    } else if (command.name == "AUTH") {
        co_await auth(command.arguments);
    } else if (command.name == "APOP") {
        co_await apop(command.arguments);
    } else if (command.name == "STLS") {
        if (can_start_tls()) {
            stream_.write("+OK Begin TLS negotiation now.\r\n");
            co_await start_tls();
            user_.reset();
        } else {
            stream_.write(secured_ ? "-ERR TLS is already active.\r\n"
                                   : "-ERR TLS support isn't enabled.\r\n");
        }
    } else if (command.name == "XCLIENT") {
        xclient(command.arguments);
    } else if (command.name == "QUIT") {
        stream_.write("+OK Logging out\r\n");
        end_.because("Aborted login by logging out");
        done_ = true;
    } else {
        bad_commands_ = bad_before;
        bad_command("Unknown command.");
    }
}

// A proxy tells with it for whom it connects, as Dovecot's do.
void Pop3LoginSession::xclient(std::string_view arguments) {
    if (!trusted()) {
        stream_.write("-ERR You are not from trusted IP.\r\n");
        return;
    }
    Origin origin;
    for (std::string_view word : split_words(arguments, " ")) {
        auto parts = split_first(word, '=');
        std::string_view name = parts ? parts->first : word;
        auto number = parts ? parse_uint(parts->second) : std::nullopt;
        bool small = number && *number <= 65535;
        if (parts && iequals(name, "ADDR")) {
            origin.remote = parts->second;
        } else if (small && iequals(name, "PORT")) {
            origin.remote_port = static_cast<std::uint16_t>(*number);
        } else if (small && iequals(name, "TTL")) {
            origin.hops_left = static_cast<int>(*number);
        }
    }
    believe(origin);
    stream_.write("+OK Updated.\r\n");
}

Task<Result<BackendAnswer>> Pop3LoginSession::log_in_at(Stream* backend,
                                                        const ProxyTarget* target) {
    Pop3Backend server(*backend, site_.backends(), *target);
    co_return co_await server.log_in(proxied_client());
}

void Pop3LoginSession::forward(const std::string& /*tag*/, const BackendAnswer& answer) {
    stream_.write(answer.text + "\r\n");
}

// RFC 2449 5; SASL: RFC 5034 3
Task<void> Pop3LoginSession::capa() {
    std::string text = "+OK\r\n" + std::string(pop3::kCapabilities);
    if (can_start_tls()) {
        text += "STLS\r\n";
    }
    if (plaintext_allowed()) {
        text += "USER\r\n";
    }
    auto mechanisms = co_await usable_mechanisms();
    if (!mechanisms.empty()) {
        text += "SASL " + join(mechanisms, " ") + "\r\n";
    }
    stream_.write(text + ".\r\n");
}

Task<void> Pop3LoginSession::pass(std::string_view password) {
    auto user = std::exchange(user_, std::nullopt);
    if (!user) {
        stream_.write("-ERR No username given.\r\n");
        co_return;
    }
    co_await log_in("", *user, password);
}

// RFC 5034 4.  Without a mechanism: which there are, as old clients ask (RFC 1734 had no CAPA).
Task<void> Pop3LoginSession::auth(std::string_view arguments) {
    if (arguments.empty()) {
        std::string text = "+OK\r\n";
        auto mechanisms = co_await usable_mechanisms();
        for (const std::string& name : mechanisms) {
            text += name + "\r\n";
        }
        stream_.write(text + ".\r\n");
        co_return;
    }
    auto space = arguments.find(' ');
    std::optional<std::string> initial;
    if (space != std::string_view::npos) {
        initial = std::string(trim(arguments.substr(space)));
        initial = *initial == "=" ? "" : *initial;
    }
    co_await authenticate("", std::string(arguments.substr(0, space)), std::move(initial));
}

// RFC 1939 7: the name, and the digest of challenge and password in hexadecimal.
Task<void> Pop3LoginSession::apop(std::string_view arguments) {
    if (challenge_.empty()) {
        stream_.write("-ERR APOP not enabled.\r\n");
        co_return;
    }
    auto parts = split_last(trim_right(arguments, " "), ' ');
    auto digest = parts && parts->second.size() == 32 ? hex_decode(parts->second) : std::nullopt;
    if (!digest || parts->first.empty()) {
        bad_command("Invalid parameters.");
        co_return;
    }
    std::string response = challenge_;
    response += '\0';
    response += parts->first;
    response += '\0';
    response += *digest;
    co_await exchange("", "APOP", base64_encode(response));
}

}  // namespace relais
