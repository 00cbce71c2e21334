// Signals as events: each watched signal is counted and waited for.
#pragma once

#include <functional>

#include "lib/event/loop.h"

namespace relais {

// Calls `handler` from the loop (never from the signal context) each time the signal has come.
class SignalWatch {
  public:
    SignalWatch(int signal_number, std::function<void()> handler);
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

  private:
    static void on_signal(int number, short what, void* self);

    std::function<void()> handler_;
    EventPtr event_;
};

}  // namespace relais
