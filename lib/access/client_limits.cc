#include "lib/access/client_limits.h"

#include <algorithm>

#include "lib/access/login_session.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"

namespace relais {

namespace {

// All services of a program together: who is refused on one port must not come in on the other.
std::string connection_ident(std::string_view program, std::string_view address) {
    return AnvilClient::ident(program, client_network(address));
}

}  // namespace

ClientLimits::ClientLimits(const LoginSettings& settings)
    : settings_(settings),
      anvil_("private/anvil", conf().ipc_timeout()),
      failures_(anvil_, conf().auth_client_failure_limit()),
      exceptions_("auth_client_limit_exceptions", conf().auth_client_limit_exceptions(),
                  MatchList::Kind::kNetwork, parent_style("auth_client_limit_exceptions")) {
}

Task<bool> ClientLimits::is_excepted(std::string address) {
    if (address.empty() || exceptions_.empty()) {
        co_return address.empty();
    }
    Match match = co_await exceptions_.match("unknown", address);
    co_return match == Match::kYes;
}

Task<bool> ClientLimits::enter(std::string address) {
    const int most = settings_.connection_limit;
    bool excepted = most == 0 || co_await is_excepted(address);
    if (excepted) {
        co_return true;
    }
    std::string ident = connection_ident(settings_.program, address);
    // Postfix's anvil counts one for each connection with it, which all sessions here share.
    const int here = ++here_[ident];
    auto counts = co_await anvil_.connect(ident);
    const int count = std::max(counts ? counts->count : 0, here);
    if (count <= most) {
        co_return true;
    }
    log_warning(
        "Connection concurrency limit exceeded: {} from unknown[{}] for service {} "
        "({}_client_connection_limit = {})",
        count, address, process_info().service_name, settings_.protocol, most);
    co_return false;
}

Task<void> ClientLimits::leave(std::string address) {
    std::string ident = connection_ident(settings_.program, address);
    auto own = here_.find(ident);
    if (own == here_.end()) {
        co_return;  // excepted
    }
    if (--own->second == 0) {
        here_.erase(own);
    }
    co_await anvil_.disconnect(std::move(ident));
}

Task<LoginFailures::Attempt> ClientLimits::begin_login(std::string address) {
    bool excepted = co_await is_excepted(address);
    if (excepted) {
        co_return LoginFailures::Attempt();
    }
    auto attempt = co_await failures_.begin(address);
    if (attempt.refused() > 0) {
        log_warning(
            "Login failure limit exceeded: {} from unknown[{}] for service {} "
            "(auth_client_failure_limit = {})",
            attempt.refused(), address, process_info().service_name,
            conf().auth_client_failure_limit());
    }
    co_return attempt;
}

bool ClientLimits::drop_oldest() {
    if (waiting_.empty()) {
        return false;
    }
    Place oldest = waiting_.front();
    waiting_.pop_front();
    oldest.session->turn_away();
    oldest.task->cancel();
    return true;
}

}  // namespace relais
