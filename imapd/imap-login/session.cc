#include "imapd/imap-login/session.h"

#include <utility>

#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/tls/tls_session.h"

namespace relais {

namespace {

constexpr int kMaxBadCommands = 10;

using Event = imap::CommandReader::Event;

}  // namespace

LoginSession::LoginSession(Site& site, UniqueFd fd, TaskGroup& task)
    : site_(site), stream_(std::move(fd)), task_(task) {
    if (auto peer = SocketAddress::peer_of(stream_.fd()); peer && peer->is_ip()) {
        remote_ = peer->host();
        remote_port_ = peer->port();
    }
    if (auto own = SocketAddress::local_of(stream_.fd()); own && own->is_ip()) {
        local_ = own->host();
        local_port_ = own->port();
    }
}

Task<void> LoginSession::run() {
    place_ = site_.limits().arrive({this, &task_});
    try {
        co_await attend();
    } catch (const Cancelled&) {
        // It makes room, or the process ends.
    }
    co_await leave();
}

Task<void> LoginSession::leave() {
    if (place_) {
        site_.limits().depart(*std::exchange(place_, std::nullopt));
    }
    if (std::exchange(entered_, false)) {
        co_await site_.limits().leave(remote_);
    }
}

void LoginSession::turn_away() {
    place_.reset();
    log_warning("all places are taken: the oldest connection without login goes: unknown[{}]",
                remote_);
    if (!secured_ && !conf().imap_tls_wrappermode()) {
        constexpr std::string_view kBye = "* BYE Too many connections, try again later.\r\n";
        ssize_t ignored =
            ::send(stream_.fd(), kBye.data(), kBye.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        static_cast<void>(ignored);
    }
}

Task<void> LoginSession::attend() {
    auto patience = std::chrono::milliseconds(conf().imap_login_timeout());
    stream_.set_timeout(patience);
    stream_.set_deadline(Deadline::after(patience));
    bool late = false;
    try {
        entered_ = true;
        bool welcome = co_await site_.limits().enter(remote_);
        if (welcome && conf().imap_tls_wrappermode()) {
            co_await put_tls_under();
        }
        if (welcome) {
            co_await converse();
        } else if (!conf().imap_tls_wrappermode()) {
            stream_.write("* BYE Too many connections from your address.\r\n");
        }
        co_await stream_.flush();
    } catch (const TimedOut&) {
        late = true;
    } catch (const IoError& error) {
        if (log_verbose() > 0) {
            log_info("{}[{}]: {}", "client", remote_, error.what());
        }
    }
    if (late) {
        try {
            stream_.set_deadline(Deadline::after(std::chrono::seconds(5)));
            stream_.write("* BYE Disconnected for inactivity.\r\n");
            co_await stream_.flush();
        } catch (const IoError&) {
            // It has gone for good, then.
        } catch (const TimedOut&) {
        } catch (const Cancelled&) {
        }
    }
}

Task<void> LoginSession::put_tls_under() {
    TlsAcceptOptions options;
    options.peer = "unknown[" + remote_ + "]";
    options.timeout = stream_.timeout();
    auto info = co_await tls_accept(&stream_, site_.tls(), options);
    if (!info) {
        throw IoError(info.error().message);
    }
    secured_ = true;
}

// RFC 3501 leaves the words to us; loopback needs no TLS, since nobody is in between.
bool LoginSession::plaintext_allowed() const {
    bool nearby =
        !remote_.empty() && (remote_ == local_ || remote_.starts_with("127.") || remote_ == "::1");
    return secured_ || (!site_.tls_required() && (!conf().imap_tls_auth_only() || nearby));
}

Task<std::string> LoginSession::capabilities() {
    std::string text = "IMAP4rev1 SASL-IR ID ENABLE IDLE LITERAL+";
    if (!secured_ && site_.tls() != nullptr) {
        text += " STARTTLS";
    }
    if (!plaintext_allowed()) {
        co_return text + " LOGINDISABLED";
    }
    auto mechanisms = co_await site_.mechanisms();
    for (const std::string& name : mechanisms) {
        text += " AUTH=" + name;
    }
    co_return text;
}

Task<void> LoginSession::greet() {
    std::string offered = co_await capabilities();
    stream_.write(format("* OK [CAPABILITY {}] Relais ready.\r\n", offered));
}

Task<void> LoginSession::converse() {
    co_await greet();
    while (!done_) {
        bool more = co_await next_command();
        if (!more) {
            co_return;
        }
    }
}

// Reads a command and runs it.  False when the connection cannot go on.
Task<bool> LoginSession::next_command() {
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
                co_return false;
        }
    }
}

void LoginSession::answer(std::string_view tag, std::string_view text) {
    stream_.write(format("{} {}\r\n", tag, text));
    bad_commands_ = text.starts_with("BAD") ? bad_commands_ + 1 : 0;
    if (bad_commands_ >= kMaxBadCommands) {
        stream_.write("* BYE Too many invalid IMAP commands.\r\n");
        done_ = true;
    }
}

Task<void> LoginSession::handle(Command command) {
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
        done_ = true;
    } else if (command.name == "ID") {
        stream_.write("* ID (\"name\" \"Relais\")\r\n");
        answer(command.tag, "OK ID completed.");
    } else if (command.name == "ENABLE") {
        stream_.write("* ENABLED\r\n");
        answer(command.tag, "OK ENABLE ignored in non-authenticated state.");
    } else if (command.name == "STARTTLS") {
        co_await start_tls(command);
    } else if (command.name == "LOGIN") {
        co_await login(command);
    } else if (command.name == "AUTHENTICATE") {
        co_await authenticate(command);
    } else {
        answer(tagged ? command.tag : "*", "BAD Error in IMAP command received by server.");
    }
}

Task<void> LoginSession::start_tls(const Command& command) {
    if (secured_ || site_.tls() == nullptr) {
        answer(command.tag,
               secured_ ? "BAD TLS is already active." : "BAD TLS support isn't enabled.");
        co_return;
    }
    answer(command.tag, "OK Begin TLS negotiation now.");
    co_await stream_.flush();
    co_await put_tls_under();
}

}  // namespace relais
