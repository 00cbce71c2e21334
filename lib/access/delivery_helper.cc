#include "lib/access/delivery_helper.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include <unistd.h>

#include "lib/access/delivery_worker.h"
#include "lib/access/login_inquiry.h"
#include "lib/access/worker.h"
#include "lib/base/fd_message.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

namespace {

constexpr std::size_t kMaxName = 1024;
// auth answers at once or is in trouble; nobody else gets a process meanwhile.
constexpr std::chrono::seconds kAuthTime{10};

Task<Result<UserRecord>> ask_auth(std::string user) {
    AuthClient auth("private/" + conf().lmtpd_auth_service_name());
    use_own_auth(auth);
    auth.set_timeout(kAuthTime);
    auto record = co_await look_up_recipient(&auth, std::move(user));
    co_await auth.close();
    co_return record;
}

void start_worker(int channel, UniqueFd fd, const std::string& user) {
    auto record = Loop::current().run_task(ask_auth(user));
    auto allowed = record ? check_worker_identity(record->identity) : fail_with(record);
    if (!allowed) {
        log_warning("user {}: no process to deliver: {}", printable(user), allowed.error().message);
        return;
    }
    pid_t pid = ::fork();
    if (pid < 0) {
        log_warning("cannot start a process to deliver: fork: {}", std::strerror(errno));
        return;
    }
    if (pid == 0) {
        ::close(channel);
        ::signal(SIGCHLD, SIG_DFL);
        run_delivery_worker(std::move(fd), record->identity);
    }
}

}  // namespace

void serve_delivery_helper(int channel) {
    Loop::current().after_fork();
    ::signal(SIGCHLD, SIG_IGN);  // nobody asks how they ended
    for (;;) {
        std::string user(kMaxName, '\0');
        UniqueFd fd;
        ssize_t got = receive_with_fd(channel, user, fd);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return;
        }
        user.resize(static_cast<std::size_t>(got));
        if (fd) {
            start_worker(channel, std::move(fd), user);
        }
        log_flush();
    }
}

}  // namespace relais
