#include "smtp/session.h"

#include <cerrno>
#include <cstring>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/socket.h"
#include "lib/mail/hostname.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

// RFC 5321 4.5.3.1.5 has 512 bytes; servers send more.
static constexpr std::size_t kLongestLine = 65536;
static constexpr std::size_t kMostReplyLines = 2000;

Session::Session(UniqueFd fd, ServerAddress server, std::uint16_t port)
    : server_(std::move(server)),
      port_(port),
      name_(format("{}[{}]", server_.host, server_.address)),
      name_with_port_(port == 0 ? name_ : format("{}:{}", name_, port)),
      stream_(std::move(fd)) {
}

void Session::send(std::string_view command) {
    if (log_verbose() > 0) {
        log_info("> {}: {}", name_with_port_, command);
    }
    stream_.write(command);
    stream_.write("\r\n");
}

Task<smtp::Reply> Session::reply(std::chrono::seconds timeout) {
    stream_.set_timeout(timeout);
    std::size_t searched = 0;
    std::size_t lines = 0;
    for (;;) {
        std::string_view input = stream_.buffered();
        std::size_t end = input.find('\n', searched);
        if (end == std::string_view::npos) {
            searched = input.size();
            if (searched > kLongestLine) {
                throw IoError("reply line too long");
            }
            bool more = co_await stream_.fill();
            if (!more) {
                throw EndOfStream();
            }
            continue;
        }
        std::string_view line = trim_right(input.substr(0, end), "\r");
        if (log_verbose() > 0) {
            log_info("< {}: {}", name_with_port_, line);
        }
        bool complete = parser_.line(line);
        bool garbage = !parser_.well_formed();
        stream_.consume(end + 1);
        searched = 0;
        if (garbage) {
            reusable = false;
        }
        if (complete || ++lines > kMostReplyLines) {
            smtp::Reply reply = parser_.take();
            // RFC 5321 3.8: the server is closing the connection.
            if (reply.code == 421 || reply.code == 0) {
                reusable = false;
            }
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

Task<ConnectResult> connect_path(const Settings* settings, ServerAddress server) {
    ConnectResult result;
    auto fd = co_await connect_unix(server.address, Deadline::after(settings->connect_timeout));
    if (!fd) {
        result.why =
            local_trouble("4.4.1", format("connect to {}[{}]: {}", server.host, server.address,
                                          std::strerror(fd.error().sys_errno)));
        co_return std::move(result);
    }
    result.session = std::make_unique<Session>(std::move(*fd), std::move(server), 0);
    co_return std::move(result);
}

}  // namespace

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
    auto source = source_address(*settings, *to);
    bool forever = settings->connect_timeout.count() == 0;
    Deadline deadline = forever ? Deadline() : Deadline::after(settings->connect_timeout);
    auto fd = co_await connect_tcp(*to, deadline, source);
    if (!fd) {
        result.why =
            local_trouble("4.4.1", format("connect to {}[{}]:{}: {}", server.host, server.address,
                                          port, std::strerror(fd.error().sys_errno)));
        co_return std::move(result);
    }
    result.session = std::make_unique<Session>(std::move(*fd), std::move(server), port);
    co_return std::move(result);
}

Task<void> close_session(const Settings* settings, std::unique_ptr<Session> session) {
    try {
        session->send("QUIT");
        session->set_doing("sending the QUIT command");
        if (settings->skip_quit_response) {
            session->stream().set_timeout(settings->quit_timeout);
            co_await session->stream().flush();
        } else {
            co_await session->reply(settings->quit_timeout);
        }
    } catch (const IoError&) {
        // The mail is delivered; how the server says goodbye does not matter.
    } catch (const TimedOut&) {
    }
}

}  // namespace relais::smtp_client
