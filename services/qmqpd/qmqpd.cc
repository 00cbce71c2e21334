// qmqpd(8): takes messages by the Quick Mail Queueing Protocol, one for each connection, from the
// clients in qmqpd_authorized_clients and nobody else, and passes them to cleanup.
//
//   request.h  the request, taken apart as it comes
//   session.h  one client
//
// Runs as mail_owner, usually in a chroot.  Trusts the resolver about names, and authorized clients
// about where mail may go.
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/maps/shared_tables.h"

#include "services/qmqpd/session.h"

using namespace relais;
using namespace relais::qmqpd;

namespace {

class Qmqpd : public Daemon {
  public:
    void before_jail() override {
        constexpr std::string_view kName = "qmqpd_authorized_clients";
        site_ = std::make_unique<Site>(Site{{std::string(kName), conf().qmqpd_authorized_clients(),
                                             MatchList::Kind::kNetwork, parent_style(kName)},
                                            std::make_unique<Resolver>()});
    }

    Task<void> serve(Connection connection) override {
        Session session(*site_, std::move(connection.fd));
        co_await session.run();
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    std::unique_ptr<Site> site_;
};

}  // namespace

constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "$config_directory"}, {Access::kRead, "@names"}},
    .reach = Reach::kResolver,
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "qmqpd";
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Qmqpd>(); });
}
