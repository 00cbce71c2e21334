// A point in time after which nobody waits any longer.  Absolute, on the steady clock, so that
// nested operations can share it.
#pragma once

#include <algorithm>
#include <chrono>

namespace relais {

using SteadyTime = std::chrono::steady_clock::time_point;

class Deadline {
  public:
    // Never.
    Deadline() = default;

    static Deadline after(std::chrono::steady_clock::duration wait) {
        Deadline deadline;
        auto now = std::chrono::steady_clock::now();
        bool reachable = wait < SteadyTime::max() - now;
        deadline.at_ = reachable ? now + wait : SteadyTime::max();
        return deadline;
    }

    bool is_never() const { return at_ == SteadyTime::max(); }

    bool passed() const { return !is_never() && std::chrono::steady_clock::now() >= at_; }

    // Zero once it has passed.
    std::chrono::steady_clock::duration remaining() const {
        auto zero = std::chrono::steady_clock::duration::zero();
        return is_never() ? std::chrono::steady_clock::duration::max()
                          : std::max(zero, at_ - std::chrono::steady_clock::now());
    }

    friend Deadline earlier(Deadline a, Deadline b) { return a.at_ < b.at_ ? a : b; }

  private:
    SteadyTime at_ = SteadyTime::max();
};

}  // namespace relais
