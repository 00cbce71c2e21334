#include "lib/access/session_daemon.h"

#include <memory>
#include <optional>

#include "lib/access/broker.h"
#include "lib/access/worker.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/process_title.h"

namespace relais {

namespace {

class SessionDaemon : public Daemon {
  public:
    explicit SessionDaemon(SessionService (*service)()) : make_service_(service) {}

    void before_jail() override {
        service_ = make_service_();
        static_cast<void>(quota_settings());
        static_cast<void>(namespace_settings());
        if (process_info().has_master) {
            broker_.emplace(service_);
        }
    }

    Task<void> background() override {
        if (broker_) {
            co_await broker_->keep_house();
        }
    }

    Task<void> serve(Connection connection) override {
        if (connection.on_stdio) {
            return serve_preauthenticated(std::move(connection.fd), own_identity(), service_);
        }
        return broker_->serve(std::move(connection.fd));
    }

    Task<void> shut_down() override {
        if (broker_) {
            co_await broker_->close();
        }
    }

  private:
    SessionService (*make_service_)();
    SessionService service_;
    std::optional<Broker> broker_;
};

// The broker: it hands connections on.  What the users' processes may do, user_sandbox.h says.
constexpr SandboxTable kBrokerSandbox = {
    .files = {{Access::kRead, "private/sessions"}},
};

}  // namespace

int run_session_daemon(int argc, char** argv, const char* name, SessionService (*service)()) {
    prepare_process_title(argv);
    DaemonTraits traits;
    traits.wakeups = Wakeups::kAtOnce;
    traits.name = name;
    traits.kind = ServiceKind::kShared;
    traits.privilege = Privilege::kNever;
    traits.lifetime = Lifetime::kEndless;
    traits.sandbox = &kBrokerSandbox;
    return run_daemon(argc, argv, traits,
                      [service] { return std::make_unique<SessionDaemon>(service); });
}

}  // namespace relais
