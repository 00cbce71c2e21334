#include "smtp/session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/socket.h"
#include "lib/mail/hostname.h"
#include "lib/tls/tls_session.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

// RFC 5321 4.5.3.1.5 has 512 bytes; servers send more.  A line that goes on beyond this is no
// reply.
static constexpr std::size_t kLongestLine = 16 << 20;
static constexpr std::size_t kMostReplyLines = 2000;

Session::Session(UniqueFd fd, ServerAddress server, std::uint16_t port, const Settings& settings)
    : server_(std::move(server)),
      port_(port),
      stream_(std::make_unique<Stream>(std::move(fd))),
      settings_(settings),
      parser_(static_cast<std::size_t>(conf().line_length_limit())) {
    make_names();
    if (settings.notify_protocol) {
        transcript_.emplace();
    }
}

void Session::make_names() {
    name_ = format("{}[{}]", server_.host, server_.address);
    name_with_port_ = port_ == 0 ? name_ : format("{}:{}", name_, port_);
}

void Session::call_host(std::string host) {
    server_.host = std::move(host);
    make_names();
}

void Session::judge(const smtp::Reply& reply) {
    const bool is_mistake = reply.code < 400 || reply.code > 599 || reply.code == 555 ||
                            (reply.code >= 500 && reply.code < 510);
    faulty_ = faulty_ || (is_mistake && transcript_);
}

void Session::set_reply_filter(const ReplyLineFilter* filter, std::string queue_id) {
    reply_filter_ = filter->empty() ? nullptr : filter;
    queue_id_ = std::move(queue_id);
}

void Session::allow(std::chrono::seconds timeout) {
    stream_->set_timeout(timeout);
    stream_->set_deadline(settings_.per_request_deadline ? Deadline::after(timeout) : Deadline());
}

void Session::note_sent(std::string_view line) {
    if (transcript_) {
        transcript_->out(line);
    }
    if (verbosity > 0) {
        log_info("> {}: {}", name_with_port_, line);
    }
}

namespace {

bool ends_a_line(char c) {
    return c == '\r' || c == '\n' || c == '\0';
}

}  // namespace

void Session::send(std::string_view command) {
    if (std::ranges::any_of(command, ends_a_line)) {
        std::string whole(command);
        std::ranges::replace_if(whole, ends_a_line, '?');
        log_warning("{}: line end within a command: {}", name_with_port_, printable(whole));
        send(whole);
        return;
    }
    note_sent(command);
    stream_->write(command);
    stream_->write("\r\n");
}

void Session::send_secret(std::string_view command, std::string_view shown) {
    note_sent(std::string(shown) + " (secret)");
    stream_->write(command);
    stream_->write("\r\n");
}

// What is too long is cut off, and read to its end.
Task<std::string> Session::read_line() {
    const auto limit = static_cast<std::size_t>(conf().line_length_limit());
    std::string line;
    std::size_t searched = 0;
    std::size_t total = 0;
    for (;;) {
        const std::string_view input = stream_->buffered();
        const std::size_t end = input.find('\n', searched);
        const std::size_t size = std::min(end, input.size());
        if (end == std::string_view::npos && size <= limit) {
            searched = size;
        } else {
            line += input.substr(0, std::min(size, limit - line.size()));
            total += size;
            stream_->consume(end == std::string_view::npos ? size : size + 1);
            searched = 0;
        }
        if (end != std::string_view::npos) {
            break;
        }
        if (total > kLongestLine) {
            throw IoError("reply line too long");
        }
        bool more = co_await stream_->fill();
        if (!more) {
            throw EndOfStream();
        }
    }
    if (total > limit) {
        log_warning("{}: response longer than {}: {}...", name_with_port_, limit,
                    printable(line.substr(0, 30)));
    }
    line.resize(trim_right(line, "\r").size());
    co_return line;
}

// Whoever pipelines can no longer tell which command the next reply is for.
void Session::note_nonsense(std::string_view line) {
    reusable = false;
    faulty_ = transcript_.has_value();
    if (!capabilities.has("PIPELINING")) {
        return;
    }
    const bool lmtp = settings_.protocol == Protocol::kLmtp;
    log_warning("{}: non-{} response from {}: {}", queue_id_, lmtp ? "LMTP" : "ESMTP",
                name_with_port_, printable(line.substr(0, 100)));
    if (conf().helpful_warnings()) {
        log_warning(
            "to prevent loss of mail, turn off command pipelining for {} with the "
            "{}_discard_{}_keyword_address_maps parameter",
            address(), settings_.prefix, lmtp ? "lhlo" : "ehlo");
    }
}

Task<smtp::Reply> Session::reply(std::chrono::seconds timeout) {
    allow(timeout);
    for (std::size_t lines = 1;; ++lines) {
        std::string line = co_await read_line();
        if (verbosity > 0) {
            log_info("< {}: {}", name_with_port_, line);
        }
        if (reply_filter_ != nullptr) {
            line = co_await reply_filter_->apply(std::move(line), &name_with_port_, &queue_id_);
        }
        if (transcript_) {
            transcript_->in(line);
        }
        if (!smtp::is_reply_line(line)) {
            note_nonsense(line);
        }
        const bool was_whole = !parser_.cut_off();
        const bool complete = parser_.line(line);
        if (was_whole && parser_.cut_off()) {
            log_warning("{}: multi-line response longer than {} {}...", name_with_port_,
                        conf().line_length_limit(), parser_.text().substr(0, 30));
        }
        if (complete || lines > kMostReplyLines) {
            smtp::Reply reply = parser_.take();
            // RFC 5321 3.8: the server is closing the connection.
            closing = closing || reply.code == 421;
            reusable = reusable && !closing && reply.code != 0;
            co_return std::move(reply);
        }
    }
}

Task<smtp::Reply> Session::command(std::string_view command, std::chrono::seconds timeout) {
    send(command);
    return reply(timeout);
}

namespace {

// smtp_bind_address, or the one address that this machine's mail system listens on.
std::optional<SocketAddress> source_address(const Settings& settings, const SocketAddress& to) {
    bool v4 = to.family() == AF_INET;
    const std::string& wanted = v4 ? settings.bind_address : settings.bind_address6;
    if (!wanted.empty()) {
        auto source = SocketAddress::parse(wanted, 0);
        if (!source || source->family() != to.family()) {
            log_fatal("bad {} parameter: {}",
                      settings.prefix + (v4 ? "_bind_address" : "_bind_address6"), wanted);
        }
        return source;
    }
    std::optional<std::string> only;
    for (const InterfaceAddress& own : conf().own_addresses()) {
        if (own.family == to.family()) {
            if (only) {
                return std::nullopt;
            }
            only = address_text(own);
        }
    }
    bool selected = !iequals(conf().inet_interfaces(), "all") &&
                    !iequals(conf().inet_interfaces(), "loopback-only");
    if (!only || !selected) {
        return std::nullopt;
    }
    // A loopback address reaches nothing but this machine.
    bool loopback = only->starts_with("127.") || *only == "::1";
    return loopback ? std::nullopt : SocketAddress::parse(*only, 0);
}

// False: the connection must not be made from another address.
bool bind_source(int fd, const Settings& settings, const SocketAddress& to) {
    auto source = source_address(settings, to);
    if (!source || ::bind(fd, source->data(), source->size()) == 0) {
        return true;
    }
    log_warning("smtp_connect_addr: bind {}: {}", source->host(), std::strerror(errno));
    return !settings.bind_address_enforce;
}

Task<ConnectResult> connect_path(const Settings* settings, ServerAddress server) {
    ConnectResult result;
    auto fd = co_await connect_unix(server.address, Deadline::after(settings->connect_timeout));
    if (!fd) {
        result.why =
            local_trouble("4.4.1", format("connect to {}[{}]: {}", server.host, server.address,
                                          std::strerror(fd.error().sys_errno)));
        co_return std::move(result);
    }
    result.session = std::make_unique<Session>(std::move(*fd), std::move(server), 0, *settings);
    co_await note_verbosity(settings, result.session.get());
    co_return std::move(result);
}

}  // namespace

Task<void> note_verbosity(const Settings* settings, Session* session) {
    session->verbosity = co_await settings->debugged.verbosity(session->host(), session->address());
}

Task<ConnectResult> connect_server(const Settings* settings, ServerAddress server,
                                   std::uint16_t port) {
    if (port == 0) {
        co_return co_await connect_path(settings, std::move(server));
    }
    ConnectResult result;
    auto to = SocketAddress::parse(server.address, port);
    if (!to) {
        result.why = local_trouble("4.3.0", format("malformed address {}", server.address));
        co_return std::move(result);
    }
    auto socket = tcp_socket(*to);
    if (!socket) {
        result.why = local_trouble("4.3.0", socket.error().message);
        co_return std::move(result);
    }
    if (!bind_source(socket->get(), *settings, *to)) {
        result.why = local_trouble("4.4.0", "server configuration error");
        co_return std::move(result);
    }
    bool forever = settings->connect_timeout.count() == 0;
    Deadline deadline = forever ? Deadline() : Deadline::after(settings->connect_timeout);
    auto fd = co_await connect_tcp(std::move(*socket), *to, deadline);
    if (!fd) {
        result.why =
            local_trouble("4.4.1", format("connect to {}[{}]:{}: {}", server.host, server.address,
                                          port, std::strerror(fd.error().sys_errno)));
        co_return std::move(result);
    }
    result.session = std::make_unique<Session>(std::move(*fd), std::move(server), port, *settings);
    co_await note_verbosity(settings, result.session.get());
    co_return std::move(result);
}

Task<void> close_session(const Settings* settings, std::unique_ptr<Session> session) {
    try {
        session->send("QUIT");
        session->set_doing("sending the QUIT command");
        if (settings->skip_quit_response) {
            session->allow(settings->quit_timeout);
            co_await session->stream().flush();
        } else {
            co_await session->reply(settings->quit_timeout);
        }
        if (!conf().tls_fast_shutdown_enable()) {
            co_await tls_end(&session->stream(), settings->starttls_timeout);
        }
    } catch (const IoError&) {
        // The mail is delivered; how the server says goodbye does not matter.
    } catch (const TimedOut&) {
    } catch (const TableFailure&) {
    }
    co_await report_faults(settings, session.get());
}

Task<void> report_faults(const Settings* settings, const Session* session) {
    std::string transcript = session->faulty_transcript();
    if (!transcript.empty()) {
        SessionNotice notice;
        notice.recipient = conf().error_notice_recipient();
        notice.subject = format("{} client: errors from {}",
                                settings->protocol == Protocol::kLmtp ? "LMTP" : "SMTP",
                                session->name_with_port());
        notice.lead = format("Unexpected response from {}.", session->name_with_port());
        co_await send_session_notice(std::move(notice), std::move(transcript));
    }
}

}  // namespace relais::smtp_client
