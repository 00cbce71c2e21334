#include "master/service.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/config/config.h"
#include "lib/daemon/master_link.h"
#include "lib/event/socket.h"
#include "lib/event/stream.h"
#include "lib/ipc/service_client.h"

#include "master/runtime.h"
#include "master/spawn.h"

namespace relais::master {

namespace {

constexpr auto kStressTime = std::chrono::seconds(1000);
constexpr auto kWakeupTimeout = std::chrono::seconds(1);
constexpr int kUnlimitedSessions = 1000;  // of one process of a service without a limit

Task<void> wake_local(std::string path) {
    auto woken = co_await send_trigger(path, "W", kWakeupTimeout);
    if (!woken) {
        log_warning("{}", woken.error().message);
    }
}

Task<void> wake_inet(SocketAddress address) {
    auto fd = co_await connect_tcp(address, Deadline::after(kWakeupTimeout));
    if (!fd) {
        log_warning("{}", fd.error().message);
        co_return;
    }
    Stream stream(std::move(*fd));
    stream.set_timeout(kWakeupTimeout);
    stream.write(std::string_view("W\0", 2));
    co_await stream.flush();
}

}  // namespace

Service::Service(MasterService entry, Runtime* runtime)
    : entry_(std::move(entry)),
      runtime_(runtime),
      wakeup_([this] { wake_up(); }),
      throttled_([this] {
          update_listening();
          wake_up();
      }),
      stressed_([this] { renew_status_channel(); }) {
}

bool Service::is_same_as(const MasterService& other) const {
    return entry_.type == other.type && endpoint_name(entry_) == endpoint_name(other);
}

Result<void> Service::open() {
    auto endpoints = open_endpoints(entry_, runtime_->listening);
    if (!endpoints) {
        return fail_with(endpoints);
    }
    endpoints_ = std::move(*endpoints);
    exposed_ = is_exposed(entry_, endpoints_);
    for (const auto& endpoint : endpoints_) {
        watches_.push_back(std::make_unique<FdWatch>(endpoint.fd.get(), [this] { on_request(); }));
    }
    renew_status_channel();
    update_listening();
    if (entry_.wakeup > 0 && !entry_.wakeup_if_used) {
        wake_up();
    }
    return {};
}

void Service::change(MasterService entry) {
    entry_ = std::move(entry);
    throttled_.stop();
    stressed_.stop();
    wakeup_.stop();
    renew_status_channel();
    update_listening();
    if (entry_.wakeup > 0 && (!entry_.wakeup_if_used || ever_used_)) {
        wake_up();
    }
}

void Service::shut_down() {
    closing_ = true;
    wakeup_.stop();
    throttled_.stop();
    stressed_.stop();
    watches_.clear();
    endpoints_.clear();
    for (const auto& [pid, process] : processes_) {
        ::kill(pid, SIGTERM);
    }
}

// Closing the channel tells the processes that hold its other end to finish and go.
void Service::renew_status_channel() {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
        log_fatal("socketpair: {}", fail_errno("status channel").error().message);
    }
    status_watch_.reset();
    status_read_.reset(pair[0]);
    status_write_.reset(pair[1]);
    status_watch_ = std::make_unique<FdWatch>(status_read_.get(), [this] { on_status(); });
    status_watch_->start();
    // Processes of the old channel can report no more: they count until they end, but not as free.
    for (auto& [pid, process] : processes_) {
        process.available = false;
    }
    available_ = 0;
    update_listening();
}

int Service::carried() const {
    return std::accumulate(processes_.begin(), processes_.end(), 0,
                           [](int sum, const auto& item) { return sum + item.second.capacity; });
}

bool Service::may_grow() const {
    return entry_.process_limit == 0 || carried() < entry_.process_limit;
}

void Service::update_listening() {
    bool listen = !closing_ && !throttled_.is_on() && available_ == 0 && may_grow();
    for (auto& watch : watches_) {
        if (listen) {
            watch->start();
        } else {
            watch->stop();
        }
    }
    if (!closing_ && !may_grow() && all_full()) {
        warn_at_limit();
        enter_stress();
    }
}

bool Service::all_full() const {
    return std::ranges::all_of(processes_, [](const auto& item) { return item.second.full; });
}

void Service::warn_at_limit() {
    auto now = std::chrono::steady_clock::now();
    bool warns = exposed_ && entry_.process_limit > 1;
    if (!warns || (warned_ != SteadyTime{} && now - warned_ < kStressTime)) {
        return;
    }
    warned_ = now;
    log_warning(
        "service \"{}\" ({}) has reached its process limit \"{}\": new clients may "
        "experience noticeable delays",
        entry_.name, log_name(entry_, endpoints_.front()), entry_.process_limit);
    log_warning(
        "to avoid this condition, increase the process count in master.cf or reduce the "
        "service time per client");
    log_warning(
        "see http://www.postfix.org/STRESS_README.html for examples of stress-adapting "
        "configuration settings");
}

int Service::sessions_per_process() const {
    if (entry_.process_limit == 0) {
        return kUnlimitedSessions;
    }
    int share = (entry_.process_limit + runtime_->processors - 1) / runtime_->processors;
    return std::max(1, std::min(share, entry_.process_limit - carried()));
}

void Service::on_request() {
    // The event may be older than the report of a process that became free.
    if (available_ == 0 && may_grow() && !throttled_.is_on()) {
        start_process();
    }
    update_listening();
}

// While an exposed service is at its limit, new processes are told to hurry.  Processes of one
// client each are replaced as they finish; one that carries many would only be missed.
void Service::enter_stress() {
    if (!exposed_ || entry_.process_limit <= 1) {
        return;
    }
    bool one_client_each =
        std::ranges::all_of(processes_, [](const auto& item) { return item.second.capacity == 1; });
    bool was_stressed = stressed_.is_on();
    stressed_.start(kStressTime);
    if (!was_stressed && one_client_each) {
        renew_status_channel();
    }
}

void Service::start_process() {
    SpawnRequest request{.entry = &entry_,
                         .endpoints = &endpoints_,
                         .status_fd = status_write_.get(),
                         .sessions = sessions_per_process(),
                         .has_stress = exposed_ && entry_.process_limit != 1,
                         .stressed = stressed_.is_on()};
    auto pid = spawn_process(request, *runtime_);
    if (!pid) {
        log_warning("{} -- throttling", pid.error().message);
        throttle();
        return;
    }
    processes_[*pid] = Process{.generation = runtime_->generation};
    ++available_;
    if (!ever_used_) {
        ever_used_ = true;
        if (entry_.wakeup > 0 && entry_.wakeup_if_used) {
            wakeup_.start(std::chrono::seconds(entry_.wakeup));
        }
    }
}

void Service::throttle() {
    throttled_.start(conf().service_throttle_time());
    update_listening();
}

void Service::on_status() {
    for (;;) {
        MasterStatus status;
        ssize_t got = ::read(status_read_.get(), &status, sizeof status);
        if (got < 0) {
            break;
        }
        if (got != sizeof status) {
            log_warning("service {}: partial status report of {} bytes", entry_.name, got);
            break;
        }
        note_status(status.pid, status.generation, status.available);
    }
    update_listening();
}

void Service::note_status(pid_t pid, unsigned generation, int available) {
    auto found = processes_.find(pid);
    if (found == processes_.end()) {
        return;
    }
    Process& process = found->second;
    if (process.generation != generation) {
        log_info("ignoring status update from child pid {} generation {}", pid, generation);
        return;
    }
    if (int capacity = available >> kCapacityShift; capacity > 0) {
        process.capacity = capacity;
        process.proven = true;
    }
    process.full = available == 0;
    bool is_available = (available & 1) != 0;
    if (is_available == process.available) {
        return;
    }
    process.available = is_available;
    available_ += is_available ? 1 : -1;
    process.proven = process.proven || is_available;
}

void Service::process_ended(pid_t pid, int wait_status) {
    auto found = processes_.find(pid);
    Process process = found->second;
    processes_.erase(found);
    available_ -= process.available ? 1 : 0;
    std::string path = conf().daemon_directory() + "/" + entry_.command;
    bool failed = wait_status != 0 && !closing_;
    if (failed && WIFSIGNALED(wait_status)) {
        log_warning("process {} pid {} killed by signal {}", path, pid, WTERMSIG(wait_status));
    } else if (failed) {
        log_warning("process {} pid {} exit status {}", path, pid, WEXITSTATUS(wait_status));
    }
    // Somebody who kills a process by hand wants the next one at once.
    bool killed_by_hand = WIFSIGNALED(wait_status) &&
                          (WTERMSIG(wait_status) == SIGKILL || WTERMSIG(wait_status) == SIGTERM);
    if (failed && !process.proven && !throttled_.is_on() && !killed_by_hand) {
        log_warning("{}: bad command startup -- throttling", path);
        throttle();
    }
    update_listening();
}

void Service::wake_up() {
    if (closing_ || entry_.wakeup == 0) {
        return;
    }
    if (!throttled_.is_on()) {
        if (entry_.type == ServiceType::kInet) {
            if (auto address = SocketAddress::local_of(endpoints_.front().fd.get())) {
                runtime_->wakeups.spawn(wake_inet(*address));
            }
        } else if (entry_.type == ServiceType::kFifo) {
            ssize_t ignored = ::write(endpoints_.front().fd.get(), "W", 1);
            static_cast<void>(ignored);
        } else {
            runtime_->wakeups.spawn(wake_local(endpoint_name(entry_)));
        }
    }
    wakeup_.start(std::chrono::seconds(entry_.wakeup));
}

}  // namespace relais::master
