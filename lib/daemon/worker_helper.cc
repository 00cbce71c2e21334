#include "lib/daemon/worker_helper.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/fd_message.h"
#include "lib/base/forked.h"
#include "lib/base/log.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"

namespace relais {

namespace {

// How long plug-ins may take to be loaded.
constexpr int kStartMilliseconds = 60'000;
constexpr std::size_t kLongestAnnouncement = 16384;

// In the child that becomes the worker.
[[noreturn]] void live(UniqueFd socket, const std::function<void(int)>& work) {
    close_all_but(socket.get(), log_descriptor());
    default_signals();
    work(socket.get());
    log_flush(1000);
    ::_exit(0);
}

// The life of the helper: until the daemon has gone.
void serve(int channel, const std::function<std::string()>& prepare,
           const std::function<void(int)>& work, WorkerHelper::Rights rights) {
    close_all_but(channel, log_descriptor());
    default_signals();
    ::signal(SIGCHLD, SIG_IGN);  // nobody waits for workers
    const std::string announcement = prepare();
    log_flush(1000);
    if (announcement.empty()) {
        return;
    }
    if (rights == WorkerHelper::Rights::kJailed) {
        enter_jail(process_info().jail, process_info().user);
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    }
    send_with_fd(channel, announcement.substr(0, kLongestAnnouncement), -1);
    for (;;) {
        std::array<char, 16> bytes{};
        UniqueFd socket;
        const ssize_t got = receive_with_fd(channel, bytes, socket);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return;
        }
        if (got < 0 || !socket) {
            continue;
        }
        const pid_t pid = ::fork();
        if (pid == 0) {
            live(std::move(socket), work);
        }
        if (pid < 0) {
            log_warning("cannot start a worker: fork: {}", std::strerror(errno));
            log_flush(1000);
        }
    }
}

std::string hear(int channel) {
    std::string text(kLongestAnnouncement, '\0');
    pollfd wait = {channel, POLLIN, 0};
    const int ready = ::poll(&wait, 1, kStartMilliseconds);
    const ssize_t got = ready > 0 ? ::recv(channel, text.data(), text.size(), 0) : 0;
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

}  // namespace

WorkerHelper::WorkerHelper(const std::function<std::string()>& prepare,
                           const std::function<void(int)>& work, Rights rights)
    : helper_([&](int channel) { serve(channel, prepare, work, rights); }),
      announcement_(hear(helper_.channel())) {
    // A helper that does not listen must not hold up everybody.
    ::fcntl(helper_.channel(), F_SETFL, O_NONBLOCK);
}

Result<UniqueFd> WorkerHelper::start_worker() const {
    std::array<int, 2> pair = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return fail_errno("socketpair");
    }
    UniqueFd ours(pair[0]);
    const UniqueFd theirs(pair[1]);
    if (send_with_fd(helper_.channel(), "w", theirs.get()) < 0) {
        return fail_errno("cannot be started");
    }
    return ours;
}

}  // namespace relais
