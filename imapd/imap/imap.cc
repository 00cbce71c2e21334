// imap: IMAP sessions after login.
//
//   imap-login --(descriptor, who logged in)--> broker --> the user's process (worker)
//                                                 |
//                             spawner (root): forks the users' processes
//
// The broker runs as mail_owner, the spawner as root, each worker as its user.  In an instance that
// an ordinary user runs, all of them are that user.  With -S it serves one client on standard input
// and output, as whoever started it.
#include <cstdlib>
#include <memory>
#include <optional>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"

#include "imapd/imap/broker.h"
#include "imapd/imap/worker.h"

namespace relais {
namespace {

class Imap : public Daemon {
  public:
    void before_jail() override {
        std::string_view separator = conf().imap_hierarchy_separator();
        if (separator != "." && separator != "/") {
            log_fatal("imap_hierarchy_separator: must be . or /, not \"{}\"", separator);
        }
        if (process_info().has_master) {
            broker_.emplace();
        }
    }

    Task<void> background() override {
        if (broker_) {
            co_await broker_->keep_house();
        }
    }

    Task<void> serve(Connection connection) override {
        if (connection.on_stdio) {
            return serve_preauthenticated(std::move(connection.fd), own_identity());
        }
        return broker_->serve(std::move(connection.fd));
    }

    Task<void> shut_down() override {
        if (broker_) {
            co_await broker_->close();
        }
    }

  private:
    static WorkerIdentity own_identity() {
        auto variable = [](const char* name, const char* fallback) {
            const char* value = ::getenv(name);
            return std::string(value == nullptr ? fallback : value);
        };
        WorkerIdentity identity;
        identity.user = variable("USER", "unknown");
        identity.home = variable("HOME", ".");
        return identity;
    }

    std::optional<Broker> broker_;
};

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    relais::DaemonTraits traits;
    traits.name = "imap";
    traits.kind = relais::ServiceKind::kShared;
    traits.privilege = relais::Privilege::kNever;
    traits.lifetime = relais::Lifetime::kEndless;
    return relais::run_daemon(argc, argv, traits, [] { return std::make_unique<relais::Imap>(); });
}
