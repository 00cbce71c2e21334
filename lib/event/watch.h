// Plain callbacks from the loop, for programs whose work is to react: master's sockets and timers,
// the queue manager's scans.  Handlers run from the loop, one at a time.
#pragma once

#include <chrono>
#include <functional>

#include "lib/event/loop.h"

namespace relais {

// Calls `handler` while the descriptor is readable (or writable) and the watch is on.  The handler
// may destroy the watch.
class FdWatch {
  public:
    enum class What { kReadable, kWritable };

    FdWatch(int fd, std::function<void()> handler)
        : FdWatch(fd, What::kReadable, std::move(handler)) {}

    FdWatch(int fd, What what, std::function<void()> handler);
    FdWatch(const FdWatch&) = delete;
    FdWatch& operator=(const FdWatch&) = delete;

    void start();
    void stop();

    bool is_on() const { return on_; }

  private:
    static void on_event(int fd, short what, void* self);

    std::function<void()> handler_;
    EventPtr event_;
    bool on_ = false;
};

// Calls `handler` once after the time given to start().  The handler may destroy the timer.
class Timer {
  public:
    explicit Timer(std::function<void()> handler);
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // Starts anew where it was running.
    void start(std::chrono::milliseconds time);
    void stop();

    bool is_on() const { return on_; }

  private:
    static void on_event(int fd, short what, void* self);

    std::function<void()> handler_;
    EventPtr event_;
    bool on_ = false;
};

}  // namespace relais
