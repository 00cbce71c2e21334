#include "lib/event/socket.h"

#include <cerrno>
#include <cstring>

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

static void wake_wait(int /*fd*/, short /*what*/, void* wait) {
    static_cast<Wait*>(wait)->wake();
}

static Task<void> wait_fd(int fd, short what, Deadline deadline) {
    Wait wait(deadline);
    EventPtr watch = Loop::current().make_event(fd, what, &wake_wait, &wait);
    if (event_add(watch.get(), nullptr) != 0) {
        throw IoError("cannot watch a descriptor", errno);
    }
    co_await wait;
}

Task<void> wait_fd_readable(int fd, Deadline deadline) {
    return wait_fd(fd, EV_READ, deadline);
}

Task<void> wait_fd_writable(int fd, Deadline deadline) {
    return wait_fd(fd, EV_WRITE, deadline);
}

Listener::Listener(UniqueFd fd) : fd_(std::move(fd)) {
    if (auto set = set_nonblocking(fd_.get()); !set) {
        log_fatal("listen socket: {}", set.error().message);
    }
    event_ = Loop::current().make_event(fd_.get(), static_cast<short>(EV_READ | EV_ET | EV_PERSIST),
                                        &Listener::on_event, this);
    if (event_add(event_.get(), nullptr) != 0) {
        log_fatal("cannot watch a listen socket");
    }
}

Listener::~Listener() = default;

void Listener::on_event(int /*fd*/, short /*what*/, void* self) {
    auto* listener = static_cast<Listener*>(self);
    listener->ready_ = true;
    if (listener->waiter_ != nullptr) {
        listener->waiter_->wake();
    }
}

static bool is_passing_accept_error(int error) {
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
           error == EHOSTUNREACH || error == ENETUNREACH;
}

Task<UniqueFd> Listener::accept(std::function<bool()> is_willing) {
    for (;;) {
        if (!ready_) {
            Wait wait;
            waiter_ = &wait;
            try {
                co_await wait;
            } catch (...) {
                waiter_ = nullptr;
                throw;
            }
            waiter_ = nullptr;
        }
        if (is_willing && !is_willing()) {
            co_return UniqueFd();
        }
        UniqueFd accepted(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (accepted) {
            co_return std::move(accepted);
        }
        if (errno == EAGAIN) {
            ready_ = false;
        } else if (!is_passing_accept_error(errno)) {
            // Out of descriptors or memory: the connection stays in the queue for a better moment.
            log_warning("accept connection: {}", std::strerror(errno));
            co_await sleep_for(std::chrono::seconds(1));
        }
    }
}

static Task<Result<void>> finish_connect(int fd, std::string name, Deadline deadline) {
    try {
        co_await wait_fd_writable(fd, deadline);
    } catch (const TimedOut&) {
        co_return fail_errno("connect to " + name, ETIMEDOUT);
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        co_return fail_errno("connect to " + name);
    }
    if (error != 0) {
        co_return fail_errno("connect to " + name, error);
    }
    co_return Result<void>();
}

Task<Result<UniqueFd>> connect_unix(std::string path, Deadline deadline) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        co_return fail(Errc::kTooLarge, "connect to " + path + ": path is too long");
    }
    path.copy(address.sun_path, path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        co_return fail_errno("socket");
    }
    for (;;) {
        if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            co_return std::move(fd);
        }
        if (errno != EAGAIN && errno != EINTR) {
            co_return fail_errno("connect to " + path);
        }
        // EAGAIN: the listen queue is full, and no event will tell when it is not.
        if (deadline.passed()) {
            co_return fail_errno("connect to " + path, ETIMEDOUT);
        }
        co_await sleep_for(std::chrono::milliseconds(10));
    }
}

Result<ucred> peer_credentials(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return fail_errno("peer credentials");
    }
    return peer;
}

// listen(2) notes down the process, bind(2) the name; renaming the socket changes neither.  A name
// is compared as it was given, since master binds relative ones too.
static Result<void> check_maker(int fd, const std::string& path, pid_t maker) {
    auto peer = peer_credentials(fd);
    if (!peer) {
        return fail_with(peer);
    }
    sockaddr_un address{};
    socklen_t length = sizeof address;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        return fail_errno("peer name of " + path);
    }
    std::string_view name(address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path));
    if (peer->pid != maker || name != path) {
        return fail(
            Errc::kDenied,
            format("{} is not the socket that master (process {}) has made: process {}, uid {} "
                   "made it as \"{}\"",
                   path, maker, peer->pid, peer->uid, printable(name)));
    }
    return {};
}

Task<Result<UniqueFd>> connect_unix_made_by(pid_t maker, std::string path, Deadline deadline) {
    auto fd = co_await connect_unix(path, deadline);
    if (fd && maker != 0) {
        auto checked = check_maker(fd->get(), path, maker);
        if (!checked) {
            co_return fail_with(checked);
        }
    }
    co_return fd;
}

static int& tcp_window() {
    static int bytes = 0;
    return bytes;
}

void set_tcp_window(int bytes) {
    tcp_window() = bytes;
}

void limit_tcp_window(int fd) {
    const int bytes = tcp_window();
    for (const int direction : {SO_SNDBUF, SO_RCVBUF}) {
        if (bytes > 0 && ::setsockopt(fd, SOL_SOCKET, direction, &bytes, sizeof bytes) != 0) {
            log_warning("setsockopt: tcp_windowsize {}: {}", bytes, std::strerror(errno));
        }
    }
}

Result<UniqueFd> tcp_socket(const SocketAddress& to) {
    UniqueFd fd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        return fail_errno("socket");
    }
    int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    limit_tcp_window(fd.get());
    return fd;
}

Task<Result<UniqueFd>> connect_tcp(SocketAddress to, Deadline deadline) {
    auto fd = tcp_socket(to);
    if (!fd) {
        co_return fd;
    }
    co_return co_await connect_tcp(std::move(*fd), to, deadline);
}

Task<Result<UniqueFd>> connect_tcp(UniqueFd socket, SocketAddress to, Deadline deadline) {
    std::string name = to.to_string();
    if (::connect(socket.get(), to.data(), to.size()) == 0) {
        co_return std::move(socket);
    }
    if (errno != EINPROGRESS) {
        co_return fail_errno("connect to " + name);
    }
    auto connected = co_await finish_connect(socket.get(), name, deadline);
    if (!connected) {
        co_return fail_with(connected);
    }
    co_return std::move(socket);
}

}  // namespace relais
