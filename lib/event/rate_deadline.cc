#include "lib/event/rate_deadline.h"

#include <algorithm>

namespace relais {

RateDeadline::RateDeadline(Stream* stream, std::chrono::milliseconds most, int rate)
    : stream_(stream),
      most_(most),
      rate_(static_cast<unsigned>(std::max(rate, 0))),
      until_(std::chrono::steady_clock::now() + most) {
    apply();
}

RateDeadline::~RateDeadline() {
    stream_->set_deadline({});
}

void RateDeadline::credit(std::size_t bytes) {
    if (rate_ > 0) {
        until_ = std::min(until_ + std::chrono::milliseconds(bytes * 1000 / rate_),
                          std::chrono::steady_clock::now() + most_);
        apply();
    }
}

void RateDeadline::apply() {
    if (rate_ > 0) {
        stream_->set_deadline(Deadline::after(until_ - std::chrono::steady_clock::now()));
    }
}

}  // namespace relais
