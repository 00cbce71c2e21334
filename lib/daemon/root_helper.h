// What a service still needs root for when it has given up root itself, a small process does that
// is forked before: it takes requests over a channel that nobody else has, and does one thing.
#pragma once

#include <functional>

#include "lib/base/unique_fd.h"
#include "lib/event/loop.h"

namespace relais {

class RootHelper {
  public:
    // Forks it.  `serve` runs there, with its end of the channel (a SOCK_SEQPACKET socket), until
    // it returns: it must when the channel ends.  Before anything waits in the event loop.
    explicit RootHelper(const std::function<void(int channel)>& serve);

    int channel() const { return channel_.get(); }

    // True when it has ended; watch() is about to end this process, too.
    bool is_gone() const;

    // Waits for the helper's end, and then ends this process, which has no right to make another:
    // master starts both afresh with the next request.  At most once a second.
    [[nodiscard]] Task<void> watch() const;

  private:
    UniqueFd channel_;
    SteadyTime since_;
};

}  // namespace relais
