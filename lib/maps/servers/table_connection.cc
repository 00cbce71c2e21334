#include "lib/maps/servers/table_connection.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/event/inet_name.h"
#include "lib/event/socket.h"

namespace relais {

namespace {

constexpr std::size_t kReadSize = 8192;
constexpr std::size_t kMaxIdle = 20;

std::unexpected<Error> fail_with_errno(int code) {
    return std::unexpected(
        Error{.code = Errc::kSystem, .message = std::strerror(code), .sys_errno = code});
}

int poll_time(Deadline deadline) {
    if (deadline.is_never()) {
        return -1;
    }
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
    return static_cast<int>(std::min<std::int64_t>(left.count(), 1'000'000'000));
}

bool poll_for(int fd, short events, Deadline deadline) {
    for (;;) {
        pollfd watched = {.fd = fd, .events = events, .revents = 0};
        int ready = ::poll(&watched, 1, poll_time(deadline));
        if (ready >= 0 || errno != EINTR) {
            return ready != 0;
        }
    }
}

// False when the time is up.
Task<bool> wait_for(int fd, short events, Deadline deadline, Waiting waiting) {
    if (waiting == Waiting::kBlock) {
        co_return poll_for(fd, events, deadline);
    }
    try {
        if (events == POLLIN) {
            co_await wait_fd_readable(fd, deadline);
        } else {
            co_await wait_fd_writable(fd, deadline);
        }
    } catch (const TimedOut&) {
        co_return false;
    }
    co_return true;
}

Task<Result<std::vector<SocketAddress>>> resolve(const TableEndpoint* endpoint, Waiting waiting) {
    FoundAddresses found;
    if (waiting == Waiting::kBlock) {
        found = look_up_addresses(endpoint->name);
    } else {
        found = co_await find_addresses(endpoint->name);
    }
    if (found.error != 0) {
        co_return fail_without_address(endpoint->name, found);
    }
    co_return std::move(found.list);
}

Task<Result<UniqueFd>> connect_to(const sockaddr* address, socklen_t size, Deadline deadline,
                                  Waiting waiting) {
    UniqueFd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        co_return fail_with_errno(errno);
    }
    int one = 1;
    if (address->sa_family != AF_UNIX) {
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (::connect(fd.get(), address, size) == 0) {
        co_return fd;
    }
    if (errno != EINPROGRESS) {
        co_return fail_with_errno(errno);
    }
    bool in_time = co_await wait_for(fd.get(), POLLOUT, deadline, waiting);
    if (!in_time) {
        co_return fail_with_errno(ETIMEDOUT);
    }
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        co_return fail_with_errno(error);
    }
    co_return fd;
}

Task<Result<UniqueFd>> connect_path(const std::string* path, Deadline deadline, Waiting waiting) {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    if (path->size() >= sizeof name.sun_path) {
        co_return fail_with_errno(ENAMETOOLONG);
    }
    path->copy(name.sun_path, path->size());
    co_return co_await connect_to(reinterpret_cast<const sockaddr*>(&name), sizeof name, deadline,
                                  waiting);
}

}  // namespace

Result<TableEndpoint> TableEndpoint::parse(std::string_view text) {
    auto parts = split_first(text, ':');
    if (!parts || parts->second.empty()) {
        return fail(Errc::kSyntax,
                    format("need service transport:endpoint instead of \"{}\"", text));
    }
    if (parts->first == "inet") {
        return TableEndpoint{Kind::kTcp, std::string(parts->second)};
    }
    if (parts->first == "unix") {
        return TableEndpoint{Kind::kUnix, std::string(parts->second)};
    }
    return fail(Errc::kSyntax,
                format("invalid transport name: {} in service: {}", parts->first, text));
}

TableConnection::TableConnection(UniqueFd fd, std::chrono::seconds timeout)
    : fd_(std::move(fd)), timeout_(timeout) {
}

Deadline TableConnection::deadline() const {
    return timeout_.count() > 0 ? Deadline::after(timeout_) : Deadline();
}

bool TableConnection::is_quiet() const {
    char byte;
    return input_.empty() && ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN;
}

Task<Result<void>> TableConnection::send(std::string bytes, Waiting waiting) {
    Deadline limit = deadline();
    std::string_view rest = bytes;
    while (!rest.empty()) {
        ssize_t count = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            bool in_time = co_await wait_for(fd_.get(), POLLOUT, limit, waiting);
            if (!in_time) {
                co_return fail_with_errno(ETIMEDOUT);
            }
        } else if (errno != EINTR) {
            co_return fail_with_errno(errno);
        }
    }
    co_return Result<void>();
}

Task<Result<void>> TableConnection::receive(Waiting waiting) {
    Deadline limit = deadline();
    for (;;) {
        std::array<char, kReadSize> block;
        ssize_t count = ::recv(fd_.get(), block.data(), block.size(), 0);
        if (count > 0) {
            input_.append(block.data(), static_cast<std::size_t>(count));
            co_return Result<void>();
        }
        if (count == 0) {
            co_return fail(Errc::kClosed, "lost connection");
        }
        if (errno == EAGAIN) {
            bool in_time = co_await wait_for(fd_.get(), POLLIN, limit, waiting);
            if (!in_time) {
                co_return fail_with_errno(ETIMEDOUT);
            }
        } else if (errno != EINTR) {
            co_return fail_with_errno(errno);
        }
    }
}

TableServer::TableServer(TableEndpoint endpoint, Limits limits)
    : endpoint_(std::move(endpoint)), limits_(limits) {
}

TableServer::Connection TableServer::take_idle() {
    auto now = std::chrono::steady_clock::now();
    while (!idle_.empty()) {
        Connection connection = std::move(idle_.back());
        idle_.pop_back();
        if (now - connection->used_ < limits_.idle &&
            now - connection->opened_ < limits_.lifetime && connection->is_quiet()) {
            return connection;
        }
    }
    return nullptr;
}

Task<Result<TableServer::Connection>> TableServer::open(Waiting waiting) {
    Deadline deadline = limits_.timeout.count() > 0 ? Deadline::after(limits_.timeout) : Deadline();
    Result<UniqueFd> fd = fail_with_errno(EADDRNOTAVAIL);
    if (endpoint_.kind == TableEndpoint::Kind::kUnix) {
        fd = co_await connect_path(&endpoint_.name, deadline, waiting);
    } else {
        auto addresses = co_await resolve(&endpoint_, waiting);
        if (!addresses) {
            co_return fail_with(addresses);
        }
        for (const SocketAddress& address : *addresses) {
            fd = co_await connect_to(address.data(), address.size(), deadline, waiting);
            if (fd) {
                break;
            }
        }
    }
    if (!fd) {
        co_return fail_with(fd);
    }
    co_return std::make_unique<TableConnection>(std::move(*fd), limits_.timeout);
}

Task<Result<TableServer::Connection>> TableServer::connect(Waiting waiting) {
    if (auto idle = take_idle()) {
        co_return idle;
    }
    co_return co_await open(waiting);
}

void TableServer::give_back(Connection connection) {
    connection->used_ = std::chrono::steady_clock::now();
    if (idle_.size() < kMaxIdle) {
        idle_.push_back(std::move(connection));
    }
}

Task<void> pause_lookup(std::chrono::seconds time, Waiting waiting) {
    if (waiting == Waiting::kBlock) {
        std::this_thread::sleep_for(time);
        co_return;
    }
    co_await sleep_for(time);
}

}  // namespace relais
