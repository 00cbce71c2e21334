// A sign of life to the client whose command takes long (RFC 9585).
#pragma once

#include <cstddef>
#include <string>

#include "lib/event/loop.h"

#include "imapd/imap/session.h"

namespace relais {

class Progress {
  public:
    // `goal` steps in all; without a tag nobody waits for it.
    Progress(Session& session, std::string tag, std::size_t goal);

    // Every imap_progress_interval; looks at the clock, so not for the smallest steps.
    bool due() const { return !tag_.empty() && std::chrono::steady_clock::now() >= next_; }

    [[nodiscard]] Task<void> tell(std::size_t done);

  private:
    Session& session_;
    std::string tag_;
    std::size_t goal_;
    SteadyTime next_;
};

}  // namespace relais
