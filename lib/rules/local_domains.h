// Which domains are this machine's own: mydestination, and [address] literals of the addresses in
// inet_interfaces and proxy_interfaces.
#pragma once

#include <string>
#include <vector>

#include "lib/maps/match_list.h"

namespace relais {

class LocalDomains {
  public:
    // From the configuration.
    LocalDomains();

    bool waits() const { return mydestination_.waits(); }

    Match matches(std::string_view domain) const {
        return run_inline(search(std::string(domain), Waiting::kBlock));
    }

    [[nodiscard]] Task<Match> match(std::string domain) const {
        return search(std::move(domain), Waiting::kSuspend);
    }

  private:
    [[nodiscard]] Task<Match> search(std::string domain, Waiting waiting) const;
    bool is_own_literal(std::string_view domain) const;

    MatchList mydestination_;
    std::vector<std::string> own_;  // addresses as bytes in network order
};

}  // namespace relais
