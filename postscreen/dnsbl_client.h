// Asks DNS lists about clients, through dnsblog(8).  Clients with the same address share one score.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"
#include "lib/event/task_group.h"

#include "postscreen/dnsbl_sites.h"

namespace relais::postscreen {

// What the lists say about one address, as far as they have answered.
struct ClientScore {
    int total = 0;
    std::string public_name;  // the list that weighs most; empty: none
    int heaviest = 0;
    int pending = 0;  // lists that have not answered yet
    // For how long the answers are good; nothing known: the longest.
    std::chrono::seconds lifetime_if_passed = std::chrono::seconds::max();
    // Called, once each, when the last list has answered.
    std::list<std::function<void()>> waiting;
};

class DnsblClient {
  public:
    // Opens the reply map.  Ends the process where postscreen_dnsbl_sites cannot be understood.
    DnsblClient();

    // The score of an address, which is asked for unless that is under way for another client.  It
    // is forgotten when its last owner is gone and no list has still to answer.
    [[nodiscard]] std::shared_ptr<ClientScore> ask(const std::string& address);

    // Gives up the lookups that are under way.
    [[nodiscard]] Task<void> close() { return lookups_.close(); }

  private:
    [[nodiscard]] Task<void> look_up(const DnsblDomain* domain, std::string address,
                                     std::shared_ptr<ClientScore> score);
    // True where there was an answer; why not is logged.
    [[nodiscard]] Task<bool> query(const DnsblDomain* domain, std::string address,
                                   ClientScore* score);

    std::vector<DnsblDomain> domains_;
    std::string service_;
    unsigned last_label_ = 0;
    std::unordered_map<std::string, std::weak_ptr<ClientScore>, StringHash, std::equal_to<>>
        scores_;
    TaskGroup lookups_;
};

}  // namespace relais::postscreen
