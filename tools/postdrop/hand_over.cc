#include "tools/postdrop/hand_over.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/unique_fd.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/event/socket.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/postdrop_reply.h"

#include "tools/postdrop/hold_signals.h"

namespace relais {

namespace {

constexpr std::size_t kPiece = 32768;
constexpr std::size_t kMaxReply = 65536;
constexpr std::string_view kEndRecord{"E\0", 2};
constexpr int kAttempts = 10;  // a second apart: the service may have no room now

// The next bytes, as many as there are; empty at the end, and where reading fails.
std::string_view read_piece(int fd, std::array<char, kPiece>& room) {
    ssize_t got;
    do {
        got = ::read(fd, room.data(), room.size());
    } while (got < 0 && errno == EINTR);
    return {room.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

Result<UniqueFd> connect_to(const std::string& socket) {
    auto fd = Loop::current().run_task(connect_unix(socket, Deadline::after(conf().ipc_timeout())));
    if (!fd) {
        return fd;
    }
    if (auto blocking = set_blocking(fd->get()); !blocking) {
        return fail_with(blocking);
    }
    timeval limit{.tv_sec = conf().ipc_timeout().count(), .tv_usec = 0};
    ::setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd->get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

// What ends a caller, as something to read as soon as it is held; not what he ignores (nohup(1)).
UniqueFd readable_signals() {
    sigset_t ends;
    ::sigemptyset(&ends);
    for (int number : {SIGINT, SIGQUIT, SIGHUP, SIGTERM}) {
        struct sigaction now{};
        if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) {
            ::sigaddset(&ends, number);
        }
    }
    UniqueFd fd(::signalfd(-1, &ends, SFD_CLOEXEC));
    if (!fd) {
        log_fatal("{}", fail_errno("signalfd").error().message);
    }
    return fd;
}

int read_signal(int signals) {
    signalfd_siginfo caught{};
    return ::read(signals, &caught, sizeof caught) == sizeof caught
               ? static_cast<int>(caught.ssi_signo)
               : SIGTERM;
}

// One message on its way.  The caller may leave his end open behind the last record, and he may be
// killed: the service has the last word either way.
class Passage {
  public:
    Passage(UniqueFd service, std::string_view announcement) : service_(std::move(service)) {
        pass_answer(announcement);
    }

    void run();

    const std::string& said() const { return said_; }

    // Whether the caller has given all of his message.
    bool complete() const { return ends_ == kEndRecord; }

    // That the caller sent, 0 without one.
    int caught() const { return caught_; }

  private:
    bool step();
    void pass_records();
    void pass_answer(std::string_view piece);

    void close_records() {
        open_ = false;
        ::shutdown(service_.get(), SHUT_WR);
    }

    UniqueFd service_;
    UniqueFd signals_ = readable_signals();
    std::array<char, kPiece> room_;
    std::string said_;
    std::string ends_;  // the last bytes of the records
    bool open_ = true;
    int caught_ = 0;
};

void Passage::pass_answer(std::string_view piece) {
    static_cast<void>(write_all(STDOUT_FILENO, piece));
    said_ += piece;
}

// A service that has heard enough says why in its answer.
void Passage::pass_records() {
    auto piece = read_piece(STDIN_FILENO, room_);
    if (piece.empty() || !write_all(service_.get(), piece)) {
        close_records();
    }
    ends_ += piece;
    ends_.erase(0, ends_.size() - std::min(ends_.size(), kEndRecord.size()));
}

// False at the end of the answer, and where it takes too long.
bool Passage::step() {
    std::array<pollfd, 3> watched{{{service_.get(), POLLIN, 0},
                                   {signals_.get(), POLLIN, 0},
                                   {open_ ? STDIN_FILENO : -1, POLLIN, 0}}};
    const std::chrono::milliseconds limit = conf().ipc_timeout();
    if (::poll(watched.data(), watched.size(), open_ ? -1 : static_cast<int>(limit.count())) <= 0) {
        return false;
    }
    if (watched[0].revents != 0) {
        auto piece = read_piece(service_.get(), room_);
        pass_answer(piece);
        return !piece.empty() && said_.size() < kMaxReply;
    }
    if (watched[1].revents != 0) {
        caught_ = read_signal(signals_.get());
        close_records();
    } else {
        pass_records();
    }
    return true;
}

void Passage::run() {
    while (step()) {
    }
}

int exit_status(const Passage& passage, const std::string& socket) {
    auto outcome = postdrop_outcome(passage.said());
    if (!outcome && passage.caught() != 0) {
        ::_exit(passage.caught());
    }
    if (!outcome && !passage.complete()) {
        return 0;  // whoever gives up in the middle knows
    }
    if (!outcome) {
        log_fatal("{} does not tell what became of the message: its reason is in the log", socket);
    }
    AttrReader reader(*outcome);
    const unsigned status = reader.number("status");
    return reader.failed() ? 1 : static_cast<int>(status);
}

}  // namespace

std::optional<int> hand_over(const std::string& socket) {
    if (socket.empty()) {
        return std::nullopt;
    }
    std::array<char, kPiece> room;
    UniqueFd service;
    std::string_view announcement;
    for (int attempt = 0; announcement.empty() && attempt < kAttempts; ++attempt) {
        ::sleep(attempt == 0 ? 0 : 1);
        auto connected = connect_to(socket);
        if (!connected) {
            return std::nullopt;
        }
        service = std::move(*connected);
        announcement = read_piece(service.get(), room);
    }
    hold_signals();
    Passage passage(std::move(service), announcement);
    passage.run();
    return exit_status(passage, socket);
}

}  // namespace relais
