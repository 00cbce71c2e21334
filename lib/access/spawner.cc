#include "lib/access/spawner.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/access/worker.h"
#include "lib/base/fd_message.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/session_register.h"

namespace relais {

namespace {

constexpr std::size_t kMaxRequest = 4096;
// auth answers at once or is in trouble; nobody else gets a process meanwhile.
constexpr std::chrono::seconds kAuthTime{10};

struct Request {
    std::string bytes;
    UniqueFd fd;
};

// Nothing at the end, when the service has gone.
std::optional<Request> receive_request(int channel) {
    Request request;
    request.bytes.resize(kMaxRequest);
    ssize_t got = receive_with_fd(channel, request.bytes, request.fd);
    if (got < 0 && errno == EINTR) {
        return Request();
    }
    if (got <= 0) {
        return std::nullopt;
    }
    request.bytes.resize(static_cast<std::size_t>(got));
    return request;
}

void reap_children(const SessionService& service) {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        remove_session_socket(service.name, pid);
        if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM) {
            log_warning("process {} of a user was killed by signal {}", pid, WTERMSIG(status));
        }
    }
}

Task<Result<UserRecord>> ask_auth(std::string service, LoginTicket ticket) {
    AuthClient auth("private/" + service);
    use_own_auth(auth);
    auth.set_timeout(kAuthTime);
    auto record = co_await who_logged_in(&auth, std::move(ticket));
    co_await auth.close();
    co_return record;
}

// The broker says which login it is, never who it was: it has no more rights than those who talk to
// strangers.
void start_worker(int channel, int signals, Request request, const SessionService& service) {
    auto ticket = LoginTicket::parse(request.bytes);
    auto record = ticket && request.fd
                      ? Loop::current().run_task(ask_auth(service.auth_service, std::move(*ticket)))
                      : Result<UserRecord>(fail(Errc::kSyntax, "malformed request"));
    if (!record) {
        log_warning("no process for a user: {}", record.error().message);
        return;
    }
    auto allowed = check_worker_identity(record->identity);
    if (!allowed) {
        log_warning("user {}: {}", printable(record->identity.user), allowed.error().message);
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
        run_worker(std::move(request.fd), record->identity, service);
    }
}

// The life of the helper: requests, and the ends of what was started.
void serve(int channel, const SessionService& service) {
    Loop::current().after_fork();
    Loop::current().run_task(sweep_session_sockets(service.name));
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
            reap_children(service);
        }
        if (wait[0].revents != 0) {
            auto request = receive_request(channel);
            if (!request) {
                return;
            }
            if (!request->bytes.empty()) {
                start_worker(channel, signals.get(), std::move(*request), service);
            }
        }
        log_flush();
    }
}

}  // namespace

Spawner::Spawner(const SessionService& service)
    : helper_([&service](int channel) { serve(channel, service); }) {
}

Result<UniqueFd> Spawner::start(const LoginTicket& ticket) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) < 0) {
        return fail_errno("socketpair");
    }
    UniqueFd ours(pair[0]);
    UniqueFd theirs(pair[1]);
    std::string request = ticket.serialize();
    ssize_t sent = -1;
    do {
        sent = send_with_fd(helper_.channel(), request, theirs.get());
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return fail_errno("ask for a process");
    }
    return ours;
}

}  // namespace relais
