// The proxies in front of this machine that say truly for whom they connect
// (login_trusted_networks).
#pragma once

#include <string>

#include "lib/event/task.h"
#include "lib/maps/match_list.h"

namespace relais {

class TrustedProxies {
  public:
    // Opens the tables of the list: while the process may.
    TrustedProxies();

    // Whether the client with this address ("": none of IP) is one.
    [[nodiscard]] Task<bool> include(std::string address) const;

  private:
    MatchList networks_;
};

}  // namespace relais
