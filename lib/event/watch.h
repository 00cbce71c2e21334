// Callbacks from the loop for code that is no coroutine: libraries with sockets and timers of their
// own (c-ares).  Everything else awaits.
#pragma once

#include <chrono>
#include <functional>

#include "lib/event/loop.h"

namespace relais {

// Calls `handler` whenever the descriptor is readable (or writable), as long as the watch lives.
// The handler may destroy it.
class FdWatch {
  public:
    enum class What { kReadable, kWritable };

    FdWatch(int fd, What what, std::function<void()> handler);

  private:
    static void on_event(int fd, short what, void* self);

    std::function<void()> handler_;
    EventPtr event_;
};

// Calls `handler` once, some time after each set().
class TimerWatch {
  public:
    explicit TimerWatch(std::function<void()> handler);

    void set(std::chrono::microseconds time);
    void clear();

  private:
    static void on_timer(int fd, short what, void* self);

    std::function<void()> handler_;
    EventPtr event_;
};

}  // namespace relais
