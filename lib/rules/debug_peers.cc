#include "lib/rules/debug_peers.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais {

static constexpr const char* kParameter = "debug_peer_list";

DebugPeers::DebugPeers()
    : list_(kParameter, conf().debug_peer_list(), MatchList::Kind::kNetwork,
            parent_style(kParameter)),
      level_(conf().debug_peer_level()) {
}

Task<int> DebugPeers::verbosity(std::string name, std::string address) const {
    if (list_.empty()) {
        co_return log_verbose();
    }
    const auto match = co_await list_.match(std::move(name), std::move(address));
    co_return log_verbose() + (match == Match::kYes ? level_ : 0);
}

}  // namespace relais
