#include "lib/maps/databases/table_workers.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/forked.h"
#include "lib/base/log.h"
#include "lib/event/watch.h"

namespace relais {

namespace {

// As many lookups in one table at a time, and as many connections to its server.
constexpr std::size_t kMostWorkers = 8;
// How long a lookup may take with everything: the clients' own limits are shorter.
constexpr std::chrono::seconds kAnswerTime(100);
// A worker without work ends, and with it its connection to the server.
constexpr std::chrono::milliseconds kIdleTime(60'000);
constexpr std::size_t kMostBytes = std::size_t{16} << 20;

using Length = std::uint32_t;

std::string frame(std::string_view bytes) {
    auto length = static_cast<Length>(bytes.size());
    std::string out(sizeof(length), '\0');
    std::memcpy(out.data(), &length, sizeof(length));
    return out += bytes;
}

// The length of a complete frame at the start of `bytes`, without its head; nothing while it is
// not all there.
std::optional<std::size_t> framed(std::string_view bytes) {
    Length length = 0;
    if (bytes.size() < sizeof(length)) {
        return std::nullopt;
    }
    std::memcpy(&length, bytes.data(), sizeof(length));
    if (length > kMostBytes) {
        throw IoError("malformed answer of a table worker");
    }
    return bytes.size() - sizeof(length) < length ? std::nullopt
                                                  : std::optional<std::size_t>(length);
}

// An answer is its state, as one character, and its text.
std::string encode(const Lookup& answer) {
    char state = static_cast<char>('0' + static_cast<int>(answer.state()));
    return frame(state + (answer.is_found() ? answer.value() : answer.reason()));
}

Lookup decode(std::string_view bytes) {
    std::string text(bytes.substr(1));
    switch (static_cast<Lookup::State>(bytes.front() - '0')) {
        case Lookup::State::kFound:
            return Lookup::found(std::move(text));
        case Lookup::State::kNotFound:
            return Lookup::not_found();
        case Lookup::State::kRetry:
            return Lookup::retry(std::move(text));
        case Lookup::State::kConfig:
            break;
    }
    return Lookup::config_error(std::move(text));
}

// In the worker: all of `size` bytes, or false when the parent has gone or there is no more work.
bool read_bytes(int fd, char* to, std::size_t size) {
    while (size > 0) {
        pollfd wait = {fd, POLLIN, 0};
        int ready = ::poll(&wait, 1, static_cast<int>(kIdleTime.count()));
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        ssize_t got = ready > 0 ? ::read(fd, to, size) : 0;
        if (got <= 0) {
            return false;
        }
        to += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace

struct TableWorkers::Worker {
    Worker(pid_t process, UniqueFd socket, UniqueFd process_fd)
        : pid(process), pidfd(std::move(process_fd)), stream(std::move(socket)) {
        stream.set_timeout(kAnswerTime);
    }

    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    ~Worker() {
        ended.reset();
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    pid_t pid;
    UniqueFd pidfd;
    Stream stream;
    std::unique_ptr<FdWatch> ended;  // while it is idle
};

TableWorkers::TableWorkers(std::string title, Job job)
    : title_(std::move(title)),
      job_(std::move(job)),
      places_(std::make_unique<Semaphore>(kMostWorkers)) {
}

TableWorkers::~TableWorkers() = default;

void TableWorkers::run_worker(int fd) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_all_but(fd, log_descriptor());
    default_signals();
    job_.start();
    Length length = 0;
    std::string key;
    while (read_bytes(fd, reinterpret_cast<char*>(&length), sizeof(length))) {
        key.resize(std::min<std::size_t>(length, kMostBytes));
        if (!read_bytes(fd, key.data(), key.size()) || !write_all(fd, encode(job_.ask(key)))) {
            break;
        }
        log_flush();
    }
    log_flush(1000);
    ::_exit(0);
}

std::unique_ptr<TableWorkers::Worker> TableWorkers::start_worker() {
    std::array<int, 2> pair = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        return nullptr;
    }
    UniqueFd ours(pair[0]);
    UniqueFd theirs(pair[1]);
    log_flush();
    pid_t pid = ::fork();
    if (pid == 0) {
        run_worker(theirs.get());
    }
    if (pid < 0) {
        return nullptr;
    }
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    return std::make_unique<Worker>(pid, std::move(ours), std::move(pidfd));
}

std::unique_ptr<TableWorkers::Worker> TableWorkers::take_idle() {
    if (idle_.empty()) {
        return nullptr;
    }
    auto worker = std::move(idle_.back());
    idle_.pop_back();
    worker->ended.reset();
    return worker;
}

// The worker that is used most is used again; the others reach their time of rest.
void TableWorkers::keep(std::unique_ptr<Worker> worker) {
    Worker* kept = worker.get();
    idle_.push_back(std::move(worker));
    kept->ended = std::make_unique<FdWatch>(kept->pidfd.get(), [this, kept] {
        std::erase_if(idle_, [kept](const auto& each) { return each.get() == kept; });
    });
    kept->ended->start();
}

Task<std::optional<Lookup>> TableWorkers::ask(std::unique_ptr<Worker> worker,
                                              const std::string* key) {
    Stream& stream = worker->stream;
    try {
        stream.write(frame(*key));
        std::optional<std::size_t> length;
        while (!(length = framed(stream.buffered()))) {
            bool more = co_await stream.fill();
            if (!more) {
                co_return std::nullopt;
            }
        }
        if (*length == 0) {
            co_return std::nullopt;
        }
        Lookup answer = decode(stream.buffered().substr(sizeof(Length), *length));
        stream.consume(sizeof(Length) + *length);
        keep(std::move(worker));
        co_return answer;
    } catch (const IoError&) {
        co_return std::nullopt;
    } catch (const TimedOut&) {
        co_return Lookup::retry(format("{}: no answer in {} seconds", title_, kAnswerTime.count()));
    }
}

// A worker may end on its own just before it is asked; a fresh one that ends has failed.
Task<Lookup> TableWorkers::lookup(std::string key) {
    Semaphore::Place place = co_await places_->take();
    for (;;) {
        auto worker = take_idle();
        bool fresh = worker == nullptr;
        if (fresh) {
            worker = start_worker();
        }
        if (worker == nullptr) {
            std::string reason = fail_errno("cannot start a table worker").error().message;
            log_warning("{}: {}", title_, reason);
            co_return Lookup::retry(std::move(reason));
        }
        auto answer = co_await ask(std::move(worker), &key);
        if (answer) {
            co_return std::move(*answer);
        }
        if (fresh) {
            log_warning("{}: a table worker ended without an answer", title_);
            co_return Lookup::retry("table worker ended without an answer");
        }
    }
}

}  // namespace relais
