// The most messages that one command works on (RFC 9738, MESSAGELIMIT and SAVELIMIT).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imapd/imap/session.h"

namespace relais {

// 0: there is none.  The second is that of COPY and APPEND.
[[nodiscard]] std::size_t message_limit();
[[nodiscard]] std::size_t save_limit();

// " MESSAGELIMIT=1000", for CAPABILITY.
[[nodiscard]] std::string limit_capability();

// A command that need not be done as a whole works on the messages with the highest UIDs, from the
// highest down, and says where it has stopped (RFC 9738 3.1).
class CutToLimit {
  public:
    // `uids` ascend; those that are too many go.
    explicit CutToLimit(std::vector<std::uint32_t>& uids);

    explicit CutToLimit(std::optional<std::uint32_t> stopped_at) : stopped_at_(stopped_at) {}

    bool cut() const { return stopped_at_.has_value(); }

    // The answer with the code; one that has another code already keeps it, and this one comes
    // before it.
    [[nodiscard]] Reply mark(Session& session, Reply reply) const;

  private:
    std::optional<std::uint32_t> stopped_at_;  // the last one that was worked on
};

// "NO [MESSAGELIMIT 1000]", for a command that is done as a whole or not at all.
[[nodiscard]] Reply over_limit(std::size_t limit);

}  // namespace relais
