// Tells a service manager how it goes: the datagrams of sd_notify(3), where NOTIFY_SOCKET names a
// socket.  Without one nothing is sent.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/event/watch.h"

namespace relais::master {

class ServiceManager {
  public:
    // Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, which children
    // must not see.
    ServiceManager();

    // Serving, also after a reload; `status` is a line for people.  From now on the watchdog hears
    // from us, twice in each of its periods.
    void ready(std::string_view status);
    void reloading() const;
    void stopping() const;

  private:
    void send(const std::string& text) const;
    void feed_watchdog();

    UniqueFd socket_;
    std::string path_;  // with a NUL first for an abstract one
    std::chrono::milliseconds watchdog_{0};
    Timer timer_;
};

}  // namespace relais::master
