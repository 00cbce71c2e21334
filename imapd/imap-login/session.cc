#include "imapd/imap-login/session.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "imapd/imap-login/backend.h"

namespace relais {

namespace {

constexpr int kMaxBadCommands = 10;

using Event = imap::CommandReader::Event;

// A number of ID; one that is none is 0.
std::uint16_t small_number(const std::string& text) {
    auto number = parse_uint(text);
    return number && *number <= 65535 ? static_cast<std::uint16_t>(*number) : std::uint16_t{0};
}

}  // namespace

std::string_view ImapLoginSession::bye(Bye why) const {
    switch (why) {
        case Bye::kNoRoom:
            return "* BYE Too many connections, try again later.\r\n";
        case Bye::kAddressLimit:
            return "* BYE Too many connections from your address.\r\n";
        case Bye::kSilent:
            return "* BYE Disconnected for inactivity.\r\n";
        case Bye::kServerEnds:
            return "* BYE Shutting down\r\n";
        case Bye::kFailures:
            break;
    }
    return "* BYE Too many failed logins.\r\n";
}

// RFC 5530
void ImapLoginSession::refuse(const std::string& tag, Refusal why, std::string_view text) {
    auto words = [why] {
        switch (why) {
            case Refusal::kPrivacy:
                return "NO [PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure "
                       "connections.";
            case Refusal::kUnsupported:
                return "NO Unsupported authentication mechanism.";
            case Refusal::kUnavailable:
                return "NO [UNAVAILABLE] Temporary authentication failure.";
            case Refusal::kBadInitial:
                return "BAD Invalid base64 data in initial response.";
            case Refusal::kBadResponse:
                return "BAD Invalid base64 data in response.";
            case Refusal::kCancelled:
                return "BAD Authentication aborted by client.";
            case Refusal::kTooManyFailures:
                return "NO [LIMIT] Too many failed logins from your address, try again later.";
            case Refusal::kWrong:
                return "NO [AUTHENTICATIONFAILED] Authentication failed.";
            case Refusal::kNotAuthorized:
                return "NO [AUTHORIZATIONFAILED] Authorization failed";
            case Refusal::kDisabled:
                return "NO [CONTACTADMIN] ";
            case Refusal::kTooManySessions:
                return "NO [LIMIT] ";
            case Refusal::kElsewhere:
                return "NO [UNAVAILABLE] Account is temporarily unavailable.";
            case Refusal::kInternal:
                break;
        }
        return "NO [UNAVAILABLE] Internal error, try again later.";
    };
    std::string answered = words();
    bool with_reason = why == Refusal::kTooManySessions || why == Refusal::kDisabled;
    answer(tag, with_reason ? answered.append(text) : answered);
}

Task<std::string> ImapLoginSession::capabilities() {
    std::string text = "IMAP4rev1 IMAP4rev2 SASL-IR ID ENABLE IDLE ";
    text += conf().imap_literal_minus() ? "LITERAL-" : "LITERAL+";
    if (can_start_tls()) {
        text += " STARTTLS";
    }
    if (!plaintext_allowed()) {
        text += " LOGINDISABLED";
    }
    auto mechanisms = co_await usable_mechanisms();
    for (const std::string& name : mechanisms) {
        text += " AUTH=" + name;
    }
    co_return text;
}

Task<void> ImapLoginSession::greet() {
    std::string offered = co_await capabilities();
    stream_.write(format("* OK [CAPABILITY {}] Relais ready.\r\n", offered));
}

Task<bool> ImapLoginSession::next_command() {
    for (;;) {
        if (stream_.buffered().empty()) {
            bool more = co_await stream_.fill();
            if (!more) {
                co_return false;
            }
        }
        std::size_t taken = 0;
        Event event = reader_.feed(stream_.buffered(), taken);
        stream_.consume(taken);
        Command command;
        command.tag = reader_.tag();
        switch (event) {
            case Event::kNeedMore:
                continue;
            case Event::kContinue:
                stream_.write("+ OK\r\n");
                continue;
            case Event::kCommand:
                command.arguments = imap::Scanner(reader_.command());
                co_await handle(std::move(command));
                reader_.next();
                co_return true;
            case Event::kTooLong:
                answer(command.tag, "BAD Error in IMAP command: Too long");
                reader_.next();
                co_return true;
            default:
                // A message, or a line without end, before login: nobody who means well.
                stream_.write("* BYE Input buffer full, aborting\r\n");
                end_.because("Input buffer full");
                co_return false;
        }
    }
}

void ImapLoginSession::answer(std::string_view tag, std::string_view text) {
    stream_.write(format("{} {}\r\n", tag, text));
    bad_commands_ = text.starts_with("BAD") ? bad_commands_ + 1 : 0;
    if (bad_commands_ >= kMaxBadCommands) {
        stream_.write("* BYE Too many invalid IMAP commands.\r\n");
        end_.because("Too many invalid commands");
        done_ = true;
    }
}

Task<void> ImapLoginSession::handle(Command command) {
    bool tagged = command.tag != "*" && command.arguments.atom() == command.tag;
    auto name = tagged && command.arguments.space() ? command.arguments.atom() : std::nullopt;
    command.name = name ? uppercase(*name) : "";
    if (command.name == "CAPABILITY") {
        std::string offered = co_await capabilities();
        stream_.write(format("* CAPABILITY {}\r\n", offered));
        answer(command.tag, "OK Pre-login capabilities listed, post-login capabilities have more.");
    } else if (command.name == "NOOP") {
        answer(command.tag, "OK NOOP completed.");
    } else if (command.name == "LOGOUT") {
        stream_.write("* BYE Logging out\r\n");
        answer(command.tag, "OK Logout completed.");
        end_.because("Aborted login by logging out");
        done_ = true;
    } else if (command.name == "ID") {
        identify(command);
    } else if (command.name == "ENABLE") {
        stream_.write("* ENABLED\r\n");
        answer(command.tag, "OK ENABLE ignored in non-authenticated state.");
    } else if (command.name == "STARTTLS") {
        co_await starttls(command);
    } else if (command.name == "LOGIN") {
        co_await login(command);
    } else if (command.name == "AUTHENTICATE") {
        co_await authenticate_command(command);
    } else {
        answer(tagged ? command.tag : "*", "BAD Error in IMAP command received by server.");
    }
}

void ImapLoginSession::take_pair(std::string_view name, const std::string& value, Origin* origin) {
    if (iequals(name, "x-originating-ip")) {
        origin->remote = value;
    } else if (iequals(name, "x-originating-port")) {
        origin->remote_port = small_number(value);
    } else if (iequals(name, "x-connected-ip")) {
        origin->local = value;
    } else if (iequals(name, "x-connected-port")) {
        origin->local_port = small_number(value);
    } else if (iequals(name, "x-proxy-ttl")) {
        origin->hops_left = small_number(value);
    }
}

// RFC 2971.  A proxy tells with it for whom it connects, in Dovecot's words.
void ImapLoginSession::identify(Command& command) {
    constexpr int kMostPairs = 30;
    imap::Scanner& scanner = command.arguments;
    Origin origin;
    bool listed = trusted() && scanner.space() && scanner.accept('(');
    for (int i = 0; listed && i < kMostPairs; ++i) {
        auto name = scanner.string();
        auto value = name && scanner.space() ? scanner.nstring() : std::nullopt;
        if (!value) {
            break;
        }
        scanner.space();
        take_pair(*name, value->value.value_or(""), &origin);
    }
    believe(origin);
    stream_.write("* ID (\"name\" \"Relais\")\r\n");
    answer(command.tag, "OK ID completed.");
}

Task<Result<BackendAnswer>> ImapLoginSession::log_in_at(Stream* backend,
                                                        const ProxyTarget* target) {
    ImapBackend server(*backend, site_.backends(), *target);
    co_return co_await server.log_in(proxied_client());
}

void ImapLoginSession::forward(const std::string& tag, const BackendAnswer& answer) {
    stream_.write(format("{} {}\r\n", tag, answer.text));
}

Task<void> ImapLoginSession::starttls(const Command& command) {
    if (!can_start_tls()) {
        answer(command.tag,
               secured_ ? "BAD TLS is already active." : "BAD TLS support isn't enabled.");
        co_return;
    }
    answer(command.tag, "OK Begin TLS negotiation now.");
    co_await start_tls();
}

// RFC 3501 6.2.3
Task<void> ImapLoginSession::login(Command& command) {
    imap::Scanner& scanner = command.arguments;
    auto user = scanner.space() ? scanner.astring() : std::nullopt;
    auto password = user && scanner.space() ? scanner.astring() : std::nullopt;
    if (!password || !scanner.at_end()) {
        answer(command.tag, "BAD Error in IMAP command LOGIN: Invalid arguments.");
        co_return;
    }
    co_await log_in(command.tag, *user, *password);
}

// RFC 3501 6.2.2; SASL-IR: RFC 4959
Task<void> ImapLoginSession::authenticate_command(Command& command) {
    imap::Scanner& scanner = command.arguments;
    auto mechanism = scanner.space() ? scanner.atom() : std::nullopt;
    std::optional<std::string> initial;
    if (mechanism && scanner.space()) {
        initial = std::string(scanner.rest());
        initial = *initial == "=" ? "" : *initial;
    } else if (!mechanism || !scanner.at_end()) {
        answer(command.tag, "BAD Error in IMAP command AUTHENTICATE: Invalid arguments.");
        co_return;
    }
    co_await authenticate(command.tag, std::string(*mechanism), std::move(initial));
}

}  // namespace relais
