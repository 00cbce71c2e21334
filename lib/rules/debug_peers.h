// debug_peer_list and debug_peer_level: for whose sessions the log says more.
#pragma once

#include <string>

#include "lib/event/task.h"
#include "lib/maps/match_list.h"

namespace relais {

class DebugPeers {
  public:
    // Opens the tables: to be made before the process enters its jail.
    DebugPeers();

    // The verbosity of a session with this host or next hop: that of the process (-v), and
    // debug_peer_level on top of it for those in the list.  `address` may be empty.
    [[nodiscard]] Task<int> verbosity(std::string name, std::string address) const;

  private:
    MatchList list_;
    int level_;
};

}  // namespace relais
