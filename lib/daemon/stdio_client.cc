#include "lib/daemon/stdio_client.h"

#include <array>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/event/pump.h"
#include "lib/event/stream.h"
#include "lib/event/task_group.h"

namespace relais {

namespace {

bool is_one_socket() {
    struct stat in{};
    struct stat out{};
    return ::fstat(STDIN_FILENO, &in) == 0 && ::fstat(STDOUT_FILENO, &out) == 0 &&
           S_ISSOCK(in.st_mode) && in.st_ino == out.st_ino && in.st_dev == out.st_dev;
}

UniqueFd duplicate(int fd) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, kListenFd));
    if (!copy) {
        log_fatal("standard input and output must be open");
    }
    return copy;
}

}  // namespace

Task<void> serve_stdio(Daemon* daemon) {
    if (is_one_socket()) {
        co_await daemon->serve(Connection{duplicate(STDIN_FILENO), {}, true});
        co_return;
    }
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        log_fatal("cannot make a socket pair");
    }
    Stream inner((UniqueFd(pair[1])));
    Stream input(duplicate(STDIN_FILENO));
    Stream output(duplicate(STDOUT_FILENO));
    for (Stream* stream : {&inner, &input, &output}) {
        stream->set_timeout(std::chrono::hours(24));
    }
    TaskGroup reading;
    TaskGroup writing;
    reading.spawn(pump(&input, &inner));
    writing.spawn(pump(&inner, &output));
    co_await daemon->serve(Connection{UniqueFd(pair[0]), {}, true});
    co_await writing.join();
    co_await reading.close();
}

}  // namespace relais
