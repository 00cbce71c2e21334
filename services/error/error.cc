// error(8): bounces (as service `error`) or defers (as `retry`) all mail that it gets, with the
// text of the next hop as the reason: "5.1.1 user unknown".  Called by qmgr and, for recipients
// that are passed on, by other delivery agents.  Runs as mail_owner; touches nothing but the queue
// file that it marks.
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/deliver/delivery.h"

using namespace relais;

namespace {

enum class Verdict { kBounce, kDefer };

Verdict verdict_of(std::string_view service_name) {
    if (service_name == conf().error_service_name()) {
        return Verdict::kBounce;
    }
    if (service_name != "retry") {
        log_fatal("bad error service name: {}", service_name);
    }
    return Verdict::kDefer;
}

class ErrorDaemon : public Daemon {
  public:
    ErrorDaemon() : verdict_(verdict_of(process_info().service_name)) {}

    Task<void> serve(Connection connection) override {
        auto deliver = [this](Delivery* delivery) { return refuse(delivery); };
        co_await serve_delivery(std::move(connection.fd), deliver);
    }

  private:
    [[nodiscard]] Task<void> refuse(Delivery* delivery) const;

    [[nodiscard]] Task<Disposition> report(DeliveryEvent event) const {
        return verdict_ == Verdict::kBounce ? report_bounced(std::move(event))
                                            : report_deferred(std::move(event));
    }

    Verdict verdict_;
};

Task<void> ErrorDaemon::refuse(Delivery* delivery) const {
    DsnCode by_default(verdict_ == Verdict::kBounce ? 5 : 4, 0, 0);
    DsnText reason = split_dsn(delivery->request.nexthop, by_default);
    for (const Recipient& recipient : delivery->request.recipients) {
        DeliveryEvent event = delivery->event(
            recipient, DeliveryStatus::of(reason.code, reason.text), std::string(kNoRelay));
        Disposition disposition = co_await report(std::move(event));
        delivery->settle(recipient, disposition);
    }
}

}  // namespace

constexpr SandboxTable kSandbox = {
    .files = {{Access::kWrite, "active"}},
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "error";
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<ErrorDaemon>(); });
}
