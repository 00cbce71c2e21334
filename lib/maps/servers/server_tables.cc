// tcp:host:port and socketmap:inet:host:port:name (or unix:path:name) - one question and one answer
// over a socket.  Neither side is authenticated, so sensitive data is refused.
#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/maps/servers/table_connection.h"
#include "lib/maps/servers/table_replies.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

using namespace std::chrono_literals;

constexpr int kTcpTries = 10;
constexpr std::size_t kTcpLineLimit = 4096;  // with the newline
constexpr std::size_t kTextInLog = 200;
constexpr std::size_t kLineInLog = 100;

// The base of both.
class ServerTable : public Table {
  public:
    ServerTable(const OpenRequest& request, TableEndpoint endpoint, TableServer::Limits limits)
        : Table(request.type, request.name, request.flags | table_flag::kPattern),
          server_(std::move(endpoint), limits) {}

    bool waits() const override { return true; }

  protected:
    Lookup find_key(std::string_view key) override {
        return run_inline(ask(std::string(key), Waiting::kBlock));
    }

    Task<Lookup> lookup_key(std::string key) override {
        return ask(std::move(key), Waiting::kSuspend);
    }

    [[nodiscard]] virtual Task<Lookup> ask(std::string key, Waiting waiting) = 0;

    TableServer server_;
};

class TcpTable : public ServerTable {
  public:
    TcpTable(const OpenRequest& request)
        : ServerTable(request, {TableEndpoint::Kind::kTcp, request.name}, {.timeout = 100s}) {}

  protected:
    Task<Lookup> ask(std::string key, Waiting waiting) override;

  private:
    // The error: there was no reply, and another try is due.
    [[nodiscard]] Task<Result<Lookup>> try_once(std::string request, Waiting waiting);
    [[nodiscard]] Task<Result<std::string>> exchange(TableConnection* connection,
                                                     std::string request, Waiting waiting) const;
    Lookup understand(const TcpReply& reply, std::string_view line) const;
};

// One line, without its end.
Task<Result<std::string>> TcpTable::exchange(TableConnection* connection, std::string request,
                                             Waiting waiting) const {
    Result<void> done = co_await connection->send(std::move(request), waiting);
    for (;;) {
        std::string& input = connection->input();
        std::size_t end = input.find('\n');
        if (std::min(end, input.size()) >= kTcpLineLimit) {
            log_warning("read TCP map reply from {}: text longer than {}", name(), kTcpLineLimit);
            co_return fail(Errc::kTooLarge, "text is too long");
        }
        if (end != std::string::npos) {
            std::string line = input.substr(0, end);
            input.erase(0, end + 1);
            co_return line;
        }
        if (done) {
            done = co_await connection->receive(waiting);
        }
        if (!done) {
            log_warning("read TCP map reply from {}: unexpected EOF ({})", name(),
                        done.error().message);
            co_return fail_with(done);
        }
    }
}

Lookup TcpTable::understand(const TcpReply& reply, std::string_view line) const {
    using Kind = TcpReply::Kind;
    switch (reply.kind) {
        case Kind::kFound:
            return Lookup::found(reply.text);
        case Kind::kNotFound:
            return Lookup::not_found();
        case Kind::kRetry:
            return Lookup::retry(reply.text);
        case Kind::kMalformed:
        case Kind::kBadStatus:
            break;
    }
    std::string_view what = reply.kind == Kind::kMalformed ? "malformed reply" : "bad status code";
    log_warning("read TCP map reply from {}: {}: {}", name(), what, line.substr(0, kLineInLog));
    return Lookup::retry(std::string(what));
}

Task<Result<Lookup>> TcpTable::try_once(std::string request, Waiting waiting) {
    auto connection = co_await server_.connect(waiting);
    if (!connection) {
        log_warning("connect to TCP map {}: {}", name(), connection.error().message);
        co_return fail_with(connection);
    }
    auto line = co_await exchange(connection->get(), std::move(request), waiting);
    if (!line) {
        co_return fail_with(line);
    }
    Lookup answer = understand(parse_tcp_reply(*line), *line);
    if (!answer.is_error()) {
        server_.give_back(std::move(*connection));
    }
    co_return answer;
}

Task<Lookup> TcpTable::ask(std::string key, Waiting waiting) {
    std::string request = "get " + quote_hex(key) + "\n";
    for (int tried = 1;; ++tried) {
        auto answer = co_await try_once(request, waiting);
        if (answer) {
            co_return *answer;
        }
        if (tried == kTcpTries) {
            co_return Lookup::retry(answer.error().message);
        }
        co_await pause_lookup(1s, waiting);
    }
}

class SocketmapTable : public ServerTable {
  public:
    SocketmapTable(const OpenRequest& request, TableEndpoint endpoint, std::string map)
        : ServerTable(request, std::move(endpoint),
                      {.timeout = 100s, .idle = 10s, .lifetime = 100s}),
          map_(std::move(map)) {}

  protected:
    Task<Lookup> ask(std::string key, Waiting waiting) override;

  private:
    // The content of one netstring.
    [[nodiscard]] static Task<Result<std::string>> exchange(TableConnection* connection,
                                                            std::string request, Waiting waiting);
    Lookup understand(const SocketmapReply& reply) const;

    std::string map_;
};

Task<Result<std::string>> SocketmapTable::exchange(TableConnection* connection, std::string request,
                                                   Waiting waiting) {
    Result<void> done = co_await connection->send(std::move(request), waiting);
    while (done) {
        Netstring reply = parse_netstring(
            connection->input(), static_cast<std::size_t>(conf().socketmap_max_reply_size()));
        switch (reply.state) {
            case Netstring::State::kWhole: {
                std::string content(reply.content);
                connection->input().erase(0, reply.length);
                co_return content;
            }
            case Netstring::State::kMalformed:
                co_return fail(Errc::kCorrupt, "input format error");
            case Netstring::State::kTooLong:
                co_return fail(Errc::kTooLarge, "input exceeds size limit");
            case Netstring::State::kPartial:
                break;
        }
        done = co_await connection->receive(waiting);
    }
    if (done.error().sys_errno == ETIMEDOUT) {
        co_return fail(Errc::kTemporary, "time limit exceeded");
    }
    co_return fail(Errc::kClosed, "unexpected disconnect");
}

Lookup SocketmapTable::understand(const SocketmapReply& reply) const {
    using Kind = SocketmapReply::Kind;
    std::string_view what;
    switch (reply.kind) {
        case Kind::kFound:
            return Lookup::found(std::string(reply.text));
        case Kind::kNotFound:
            return Lookup::not_found();
        case Kind::kTemporary:
            what = "temporary";
            break;
        case Kind::kTimeout:
            what = "timeout";
            break;
        case Kind::kPermanent:
            what = "permanent";
            break;
        case Kind::kUnknown:
            what = "unknown";
            break;
    }
    std::string text = printable(reply.text).substr(0, kTextInLog);
    log_warning("{} socketmap server {} error{}{}", reference(), what, text.empty() ? "" : ": ",
                text);
    std::string reason = text.empty() ? format("{} error", what) : text;
    return reply.kind == Kind::kPermanent ? Lookup::config_error(std::move(reason))
                                          : Lookup::retry(std::move(reason));
}

Task<Lookup> SocketmapTable::ask(std::string key, Waiting waiting) {
    std::string request = make_netstring(map_ + " " + key);
    for (int tried = 1;; ++tried) {
        auto connection = co_await server_.connect(waiting);
        if (!connection) {
            const std::string& reason = connection.error().message;
            log_warning("connect to {}: {}", server_.endpoint().name, reason);
            log_warning("table {} lookup error: {}", reference(), reason);
            co_return Lookup::retry(reason);
        }
        auto content = co_await exchange(connection->get(), request, waiting);
        if (content) {
            server_.give_back(std::move(*connection));
            co_return understand(parse_socketmap_reply(*content));
        }
        // A connection that was kept too long for the server's taste deserves another try.
        if (content.error().code != Errc::kClosed || tried == 2) {
            log_warning("table {} lookup error: {}", reference(), content.error().message);
            co_return Lookup::retry(content.error().message);
        }
    }
}

}  // namespace

OpenedTable open_tcp_table(const OpenRequest& request) {
    if ((request.flags & table_flag::kNoUnauthenticated) != 0) {
        return fail(Errc::kDenied, format("{}:{} map is not allowed for security sensitive data",
                                          request.type, request.name));
    }
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    return std::make_unique<TcpTable>(request);
}

OpenedTable open_socketmap_table(const OpenRequest& request) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    if ((request.flags & table_flag::kNoUnauthenticated) != 0) {
        return fail(Errc::kDenied, format("{}:{} map is not allowed for security-sensitive data",
                                          request.type, request.name));
    }
    auto parts = split_last(request.name, ':');
    if (!parts) {
        return fail(Errc::kSyntax, format("{} requires server:socketmap argument", request.type));
    }
    auto endpoint = TableEndpoint::parse(parts->first);
    if (!endpoint) {
        return fail_with(endpoint);
    }
    return std::make_unique<SocketmapTable>(request, std::move(*endpoint),
                                            std::string(parts->second));
}

}  // namespace relais
