// lmtpd: takes mail by LMTP (RFC 2033) and puts it into the users' mailboxes.  Called by lmtp(8),
// ours or Postfix's, and by other programs that deliver.  Trusts no client: what it says are
// addresses and bytes.  Runs as mail_owner and touches no mailbox itself; who the recipients are,
// auth says, and the files are written by processes with their owners' ids
// (lib/access/delivery_pool.h).
#include <memory>
#include <optional>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/process_title.h"

#include "imapd/lmtpd/session.h"

namespace relais {
namespace {

class Lmtpd : public Daemon {
  public:
    void before_jail() override {
        if (process_info().has_master) {
            site_.emplace();
        }
    }

    std::vector<KnownPlace> known_places() override {
        if (!site_ || site_->spool().fd() < 0) {
            return {};
        }
        return {{Access::kChange, conf().data_directory(), site_->spool().fd()}};
    }

    Task<void> background() override {
        if (site_) {
            co_await site_->pool().keep_house();
        }
    }

    Task<void> serve(Connection connection) override {
        if (!site_) {
            log_fatal("lmtpd is started by master, not by hand");
        }
        Stream stream(std::move(connection.fd));
        lmtpd::Session session(*site_, stream);
        co_await session.run();
    }

    Task<void> shut_down() override {
        if (site_) {
            co_await site_->pool().close();
        }
    }

  private:
    std::optional<lmtpd::Site> site_;
};

}  // namespace
}  // namespace relais

// Large messages wait in a directory; users' mail may be on other machines.
constexpr relais::SandboxTable kSandbox = {
    .files = {{relais::Access::kRead, "$config_directory"},
              {relais::Access::kRead, "$login_proxy_tls_CApath"},
              {relais::Access::kRead, "@certificates"},
              {relais::Access::kRead, "@names"}},
    .reach = relais::Reach::kServers,
};

int main(int argc, char** argv) {
    relais::prepare_process_title(argv);
    relais::DaemonTraits traits;
    traits.name = "lmtpd";
    traits.privilege = relais::Privilege::kNever;
    traits.sandbox = &kSandbox;
    return relais::run_daemon(argc, argv, traits, [] { return std::make_unique<relais::Lmtpd>(); });
}
