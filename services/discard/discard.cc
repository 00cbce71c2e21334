// discard(8): throws mail away and calls it delivered.  The next hop of the request is the reason
// in the log and in reports: "2.0.0 silently".  Called by qmgr; runs as mail_owner; touches nothing
// but the queue file that it marks.
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/deliver/delivery.h"

using namespace relais;

namespace {

Task<void> discard(Delivery* delivery) {
    DsnText reason = split_dsn(delivery->request.nexthop, DsnCode(2, 0, 0));
    for (const Recipient& recipient : delivery->request.recipients) {
        DeliveryStatus status = DeliveryStatus::of(reason.code, reason.text);
        co_await delivery->sent(recipient, std::move(status), std::string(kNoRelay));
    }
}

class DiscardDaemon : public Daemon {
  public:
    Task<void> serve(Connection connection) override {
        co_await serve_delivery(std::move(connection.fd), discard);
    }
};

}  // namespace

constexpr SandboxTable kSandbox = {
    .files = {{Access::kWrite, "active"}},
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "discard";
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<DiscardDaemon>(); });
}
