#include "master/service_manager.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::master {

namespace {

std::string taken_from_environment(const char* name) {
    const char* value = std::getenv(name);
    std::string text = value != nullptr ? value : "";
    ::unsetenv(name);
    return text;
}

std::uint64_t monotonic_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

ServiceManager::ServiceManager()
    : path_(taken_from_environment("NOTIFY_SOCKET")), timer_([this] { feed_watchdog(); }) {
    auto period = parse_uint(taken_from_environment("WATCHDOG_USEC"));
    auto watched = parse_int(taken_from_environment("WATCHDOG_PID"));
    if (path_.size() < 2 || path_.size() >= sizeof(sockaddr_un::sun_path)) {
        return;
    }
    if (path_.front() == '@') {
        path_.front() = '\0';
    }
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (period && (!watched || *watched == ::getpid())) {
        watchdog_ = std::chrono::milliseconds(*period / 1000);
    }
}

void ServiceManager::ready(std::string_view status) {
    send(format("READY=1\nMAINPID={}\nSTATUS={}\n", ::getpid(), status));
    if (watchdog_.count() > 0) {
        feed_watchdog();
    }
}

void ServiceManager::reloading() const {
    send(format("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic_microseconds()));
}

void ServiceManager::stopping() const {
    send("STOPPING=1\n");
}

void ServiceManager::feed_watchdog() {
    send("WATCHDOG=1\n");
    timer_.start(watchdog_ / 2);
}

void ServiceManager::send(const std::string& text) const {
    if (!socket_) {
        return;
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
    if (::sendto(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&address), size) < 0) {
        log_warning("service manager: {}", std::strerror(errno));
    }
}

}  // namespace relais::master
