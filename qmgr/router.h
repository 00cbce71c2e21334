// From recipients to entries: asks the address resolver where each recipient goes, applies what
// main.cf and the message override, and groups recipients that share a delivery request.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/ipc/rewrite_client.h"
#include "lib/ipc/rewriter.h"
#include "lib/rules/direct_resolver.h"

#include "qmgr/scheduler.h"

namespace relais::qmgr {

class Router {
  public:
    // `resolver` is asked first, where there is one.
    Router(Scheduler* scheduler, DirectResolver* resolver);

    // Routes for the recipients that were read last, in groups.  Recipients that need no delivery
    // (our own double bounces) are marked done in `file` and left out.
    [[nodiscard]] Task<std::map<std::string, std::pair<Route, std::vector<Recipient>>>> group(
        MessagePtr message, int file);

  private:
    [[nodiscard]] Task<Route> route_of(const Message* message, Recipient* recipient);
    [[nodiscard]] Task<bool> redirect(const Message* message, Recipient* recipient);
    [[nodiscard]] Task<Route> resolve(const Message* message, Recipient* recipient);
    Route filter_route(const Message& message, const Recipient& recipient) const;
    Route deferral(const DeliveryStatus& status) const;
    Route refusal(const DeliveryStatus& status) const;
    void name_queue(Route& route, const Recipient& recipient) const;
    bool is_double_bounce(const Recipient& recipient, const Resolved& resolved) const;

    Scheduler* scheduler_;
    RewriteClient resolver_;
    Rewriter rewriter_;
    std::vector<std::string> defer_transports_;
};

// "transport:nexthop" of content_filter and FILTER.
struct TransportAndNexthop {
    std::string transport;
    std::string nexthop;
};

[[nodiscard]] TransportAndNexthop split_transport(const std::string& text);

}  // namespace relais::qmgr
