#include "imapd/imap/spawner.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/daemon/daemon.h"

namespace relais {

namespace {

constexpr std::size_t kMaxRequest = 16384;

std::array<UniqueFd, 2> make_pair(int type) {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) < 0) {
        log_fatal("socketpair: {}", std::strerror(errno));
    }
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// A datagram with one descriptor.
struct Datagram {
    Datagram() {
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
    }

    Datagram(const Datagram&) = delete;
    Datagram& operator=(const Datagram&) = delete;

    iovec part{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
};

Result<void> send_request(int channel, std::string bytes, int fd) {
    Datagram datagram;
    datagram.part = {bytes.data(), bytes.size()};
    cmsghdr* header = CMSG_FIRSTHDR(&datagram.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    ssize_t sent = -1;
    do {
        sent = ::sendmsg(channel, &datagram.message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? fail_errno("ask for a process") : Result<void>();
}

struct Request {
    std::string bytes;
    UniqueFd fd;
};

// Nothing at the end, when the service has gone.
std::optional<Request> receive_request(int channel) {
    Request request;
    request.bytes.resize(kMaxRequest);
    Datagram datagram;
    datagram.part = {request.bytes.data(), request.bytes.size()};
    ssize_t got = ::recvmsg(channel, &datagram.message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) {
        return Request();
    }
    if (got <= 0) {
        return std::nullopt;
    }
    request.bytes.resize(static_cast<std::size_t>(got));
    const cmsghdr* header = CMSG_FIRSTHDR(&datagram.message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
        request.fd = UniqueFd(fd);
    }
    return request;
}

void reap_children() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM) {
            log_warning("process {} of a user was killed by signal {}", pid, WTERMSIG(status));
        }
    }
}

void start_worker(int channel, int signals, Request request) {
    auto parsed = parse_attributes(request.bytes);
    auto identity = parsed.status == AttrParse::Status::kComplete
                        ? WorkerIdentity::parse(parsed.attributes)
                        : fail(Errc::kSyntax, "malformed request");
    if (!identity || !request.fd) {
        log_warning("cannot start a process for a user: malformed request");
        return;
    }
    pid_t pid = ::fork();
    if (pid < 0) {
        log_warning("cannot start a process for a user: fork: {}", std::strerror(errno));
        return;
    }
    if (pid == 0) {
        ::close(channel);
        ::close(signals);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        run_worker(std::move(request.fd), std::move(*identity));
    }
}

// The life of the helper: requests, and the ends of what was started.
[[noreturn]] void serve(int channel) {
    sigset_t children;
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, nullptr);
    UniqueFd signals(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    for (;;) {
        std::array<pollfd, 2> wait = {{{channel, POLLIN, 0}, {signals.get(), POLLIN, 0}}};
        if (::poll(wait.data(), wait.size(), -1) < 0) {
            continue;
        }
        if (wait[1].revents != 0) {
            signalfd_siginfo info;
            while (::read(signals.get(), &info, sizeof(info)) > 0) {
            }
            reap_children();
        }
        if (wait[0].revents != 0) {
            auto request = receive_request(channel);
            if (!request) {
                break;
            }
            if (!request->bytes.empty()) {
                start_worker(channel, signals.get(), std::move(*request));
            }
        }
        log_flush();
    }
    log_flush(1000);
    ::_exit(0);
}

}  // namespace

Spawner::Spawner() {
    auto pair = make_pair(SOCK_SEQPACKET);
    pid_t pid = ::fork();
    if (pid < 0) {
        log_fatal("fork: {}", std::strerror(errno));
    }
    if (pid == 0) {
        pair[0].reset();
        if (process_info().has_master) {
            // The ties to master are the parent's.
            for (int fd = kFlowReadFd; fd <= kListenFd; ++fd) {
                ::close(fd);
            }
        }
        serve(pair[1].get());
    }
    channel_ = std::move(pair[0]);
}

Result<UniqueFd> Spawner::start(const WorkerIdentity& identity) {
    auto pair = make_pair(SOCK_STREAM);
    auto sent = send_request(channel_.get(), identity.serialize(), pair[1].get());
    if (!sent) {
        return fail_with(sent);
    }
    return std::move(pair[0]);
}

}  // namespace relais
