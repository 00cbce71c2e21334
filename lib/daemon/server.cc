#include "lib/daemon/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/event/signals.h"
#include "lib/event/stream.h"
#include "lib/event/watch.h"

namespace relais {

namespace {

constexpr std::size_t kMaxTrigger = 1024;
constexpr std::size_t kMaxDatagram = 4096;
constexpr auto kTriggerWait = std::chrono::seconds(10);
// How often a full process looks for clients that wait outside.
constexpr auto kLookForClients = std::chrono::milliseconds(100);
// Of a datagram service.
constexpr auto kQuiet = std::chrono::milliseconds(150);
constexpr auto kMostLastWords = std::chrono::seconds(4);
constexpr auto kPassWait = std::chrono::seconds(100);

// What several datagrams have brought, taken by one system call.
class Datagrams {
  public:
    Datagrams() {
        for (std::size_t i = 0; i < kMost; ++i) {
            places_[i] = {.iov_base = bytes_.data() + i * kMaxDatagram, .iov_len = kMaxDatagram};
            headers_[i].msg_hdr.msg_iov = &places_[i];
            headers_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    Datagrams(const Datagrams&) = delete;
    Datagrams& operator=(const Datagrams&) = delete;

    // False: nothing has come.
    bool take(int fd) {
        const int got = ::recvmmsg(fd, headers_.data(), kMost, MSG_DONTWAIT, nullptr);
        count_ = got < 0 ? 0 : static_cast<std::size_t>(got);
        return count_ > 0;
    }

    std::size_t count() const { return count_; }

    // There may be more.
    bool full() const { return count_ == kMost; }

    std::string_view at(std::size_t index) const {
        return {bytes_.data() + index * kMaxDatagram, headers_[index].msg_len};
    }

  private:
    static constexpr std::size_t kMost = 16;

    std::vector<char> bytes_ = std::vector<char>(kMost * kMaxDatagram);
    std::array<iovec, kMost> places_{};
    std::array<mmsghdr, kMost> headers_{};
    std::size_t count_ = 0;
};

}  // namespace

Server::Server(Daemon* daemon, const DaemonTraits& traits, const DaemonOptions& options,
               ServerLimits limits, MasterLink* link)
    : daemon_(daemon), traits_(traits), options_(options), limits_(limits), link_(link) {
}

Task<void> Server::run() {
    TaskGroup background;
    background.spawn(daemon_->background());
    if (limits_.idle.count() > 0) {
        background.spawn(retire_when_idle());
    }
    if (limits_.retire.count() > 0) {
        background.spawn(retire_after(limits_.retire));
    }
    std::optional<SignalWatch> stopped;
    if (options_.transport == ServiceTransport::kDatagram) {
        stopped.emplace(SIGTERM, [this] { retire(); });
    }
    background.spawn(retire_with_master());
    background.spawn(link_->repeat_reports());
    for (int fd = kListenFd; fd < kListenFd + options_.sockets; ++fd) {
        if (options_.transport == ServiceTransport::kDatagram) {
            listeners_.spawn(read_datagrams(fd));
        } else if (options_.transport == ServiceTransport::kFifo) {
            listeners_.spawn(read_fifo(fd));
        } else {
            listeners_.spawn(accept_clients(fd));
        }
    }
    co_await retiring_.wait();
    if (stopped) {
        co_await wait_for_quiet();
    }
    co_await listeners_.close();
    co_await daemon_->retiring();
    if (traits_.retirement == Retirement::kInBackground && !sessions_.empty()) {
        co_await move_to_background();
    }
    co_await sessions_.join();
    co_await background.close();
    co_await daemon_->shut_down();
}

// Where the suite is stopped, the others have last words.
Task<void> Server::wait_for_quiet() {
    const auto began = std::chrono::steady_clock::now();
    const auto deadline = began + kMostLastWords;
    for (auto now = began; now < deadline && now - std::max(began, last_activity_) < kQuiet;
         now = std::chrono::steady_clock::now()) {
        co_await sleep_for(kQuiet / 4);
    }
}

// The child has the sessions, and a process group of its own, which master does not end; the parent
// is done.
Task<void> Server::move_to_background() {
    log_flush(1000);
    const pid_t child = co_await fork_process();
    if (child > 0) {
        ::_exit(0);
    }
    if (child < 0) {
        log_warning("fork: {}", std::strerror(errno));
        co_return;
    }
    ::setsid();
}

void Server::retire() {
    retiring_.set();
    // Master must not wait for this process to take clients any more.
    report_load();
}

Task<void> Server::retire_with_master() {
    co_await link_->wait_for_end();
    retire();
}

Task<void> Server::retire_after(std::chrono::seconds time) {
    co_await sleep_for(time);
    retire();
}

Task<void> Server::retire_when_idle() {
    for (;;) {
        auto unused = std::chrono::steady_clock::now() - last_activity_;
        if (active_ == 0 && unused >= limits_.idle) {
            retire();
            co_return;
        }
        auto rest = active_ == 0 ? limits_.idle - unused : limits_.idle;
        co_await sleep_for(std::chrono::ceil<std::chrono::milliseconds>(rest));
    }
}

void Server::client_came() {
    ++active_;
    report_load();
}

void Server::client_went() {
    --active_;
    ++served_;
    last_activity_ = std::chrono::steady_clock::now();
    if (limits_.most_clients > 0 && served_ >= limits_.most_clients) {
        retire();
    }
    report_load();
    room_.wake_one();
}

void Server::report_load() {
    if (retiring_.is_set() || active_ >= limits_.sessions) {
        link_->report(Availability::kFull);
    } else if (active_ >= limits_.busy_at) {
        link_->report(Availability::kWantsCompany);
    } else {
        link_->report(Availability::kFree);
    }
}

static bool has_waiting_client(int listener) {
    pollfd wait = {listener, POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
}

Task<void> Server::wait_for_room(int listener) {
    while (active_ >= limits_.sessions) {
        if (has_waiting_client(listener)) {
            daemon_->make_room();
        }
        try {
            co_await room_.wait(Deadline::after(kLookForClients));
        } catch (const TimedOut&) {
            // Nobody has left.
        }
    }
}

// True where the next client is for a fresh process, which master starts when it sees him wait.
bool Server::makes_way() {
    if (retiring_.is_set()) {
        return true;
    }
    auto changed = daemon_->changed_table();
    if (changed) {
        const bool in_place = traits_.retirement == Retirement::kInPlace;
        log_info("table {} has changed {}", *changed,
                 in_place ? "-- restarting" : "- finishing in the background");
        retire();
    }
    return changed.has_value();
}

Task<void> Server::accept_clients(int fd) {
    Listener listener((UniqueFd(fd)));
    for (;;) {
        co_await wait_for_room(fd);
        UniqueFd client = co_await listener.accept([this] { return !makes_way(); });
        if (!client) {
            co_return;
        }
        if (active_ >= limits_.sessions) {
            // Another listen socket took the last place meanwhile; serve this one all the same.
            log_info("process is over its limit of {} sessions", limits_.sessions);
        }
        sessions_.spawn(serve_client(std::move(client)));
        if (retiring_.is_set()) {
            co_return;
        }
    }
}

// A client that goes away in the middle has its reasons; what it left undone is logged where it
// matters.
static void note_end(const char* how) {
    if (log_verbose() > 0) {
        log_info("client: {}", how);
    }
}

Task<void> Server::serve_client(UniqueFd fd) {
    client_came();
    try {
        if (traits_.kind == ServiceKind::kTrigger) {
            co_await read_trigger(std::move(fd));
        } else if (options_.transport == ServiceTransport::kPass) {
            co_await receive_passed(std::move(fd));
        } else {
            co_await serve_connection(Connection{std::move(fd), {}, false});
        }
    } catch (const Cancelled&) {
    } catch (const TimedOut& error) {
        note_end(error.what());
    } catch (const IoError& error) {
        note_end(error.what());
    }
    client_went();
}

Task<void> Server::serve_connection(Connection connection) {
    return daemon_->serve(std::move(connection));
}

// Not inlined: else each client's frame has room for this, however it came.
[[gnu::noinline]] Task<void> Server::receive_passed(UniqueFd fd) {
    Connection connection;
    {
        Stream stream(std::move(fd));
        stream.set_timeout(kPassWait);
        connection.fd = co_await stream.receive_fd();
        auto attributes = co_await read_attributes(&stream);
        if (!attributes) {
            throw IoError(attributes.error().message);
        }
        connection.attributes = std::move(*attributes);
    }
    co_await daemon_->serve(std::move(connection));
}

[[gnu::noinline]] Task<void> Server::read_trigger(UniqueFd fd) {
    std::string bytes;
    {
        Stream stream(std::move(fd));
        stream.set_timeout(kTriggerWait);
        bool some = co_await stream.fill();
        if (!some) {
            co_return;
        }
        bytes = stream.buffered().substr(0, kMaxTrigger);
    }
    auto turn = co_await trigger_turn_.take();
    co_await daemon_->trigger(std::move(bytes));
}

Task<void> Server::read_fifo(int fd) {
    if (auto set = set_nonblocking(fd); !set) {
        log_fatal("fifo: {}", set.error().message);
    }
    for (;;) {
        co_await wait_fd_readable(fd);
        std::array<char, kMaxTrigger> bytes{};
        ssize_t got = ::read(fd, bytes.data(), bytes.size());
        if (got > 0) {
            last_activity_ = std::chrono::steady_clock::now();
            co_await daemon_->trigger(std::string(bytes.data(), static_cast<std::size_t>(got)));
        } else if (got == 0) {
            co_await sleep_for(std::chrono::milliseconds(100));
        }
    }
}

Task<void> Server::read_datagrams(int fd) {
    if (auto set = set_nonblocking(fd); !set) {
        log_fatal("datagram socket: {}", set.error().message);
    }
    Flag arrived;
    FdWatch watch(fd, [&arrived] { arrived.set(); });
    watch.start();
    Datagrams datagrams;
    for (;;) {
        co_await arrived.wait();
        arrived.clear();
        // All that has come is taken in one go, so that the daemon can write it in one go.
        while (datagrams.take(fd)) {
            for (std::size_t i = 0; i < datagrams.count(); ++i) {
                daemon_->datagram(datagrams.at(i));
            }
            if (!datagrams.full()) {
                break;
            }
        }
        last_activity_ = std::chrono::steady_clock::now();
    }
}

}  // namespace relais
