// A deadline for content that comes or goes in pieces: who is fast enough may take his time.
#pragma once

#include <chrono>
#include <cstddef>

#include "lib/event/stream.h"

namespace relais {

// From now on the stream has `most`, and a second more for each `rate` bytes that are credited,
// but never more than `most` from the moment; with a rate of 0 it has all time.  The stream has no
// deadline afterwards.
class RateDeadline {
  public:
    RateDeadline(Stream* stream, std::chrono::milliseconds most, int rate);
    ~RateDeadline();
    RateDeadline(const RateDeadline&) = delete;
    RateDeadline& operator=(const RateDeadline&) = delete;

    void credit(std::size_t bytes);

  private:
    void apply();

    Stream* stream_;
    std::chrono::milliseconds most_;
    unsigned rate_;
    std::chrono::steady_clock::time_point until_;
};

}  // namespace relais
