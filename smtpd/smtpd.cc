// smtpd(8): the SMTP server.  Called by the network (port 25, submission, smtps) and by
// `sendmail -bs`.  Trusts nothing that a client says; hands mail to cleanup, asks trivial-rewrite
// about addresses, anvil about the client, a Dovecot auth service or Cyrus SASL about passwords.
// Touches no mailbox and no queue file.
//
//   session.cc        one client: greeting, command loop, the end
//   commands.cc       the table of commands; cmd_*.cc one function each
//   checks.cc         which restrictions are asked when
//   restrictions.cc   the engine; restriction_table.cc the names; restrict_*.cc what they do
//   transaction.cc    the message on its way to cleanup; received_header.cc
//   elsewhere.cc      users whose mail is on another machine
//   site.cc           what sessions share: lists, tables, certificates
//   cyrus_logins.cc   the processes that ask Cyrus SASL
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/task_group.h"
#include "lib/maps/shared_tables.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

using namespace relais;
using namespace relais::smtpd;

namespace {

class Smtpd : public Daemon {
  public:
    void before_jail() override { site_ = std::make_unique<Site>(); }

    Task<void> background() override {
        if (site_->tls) {
            TaskGroup both;
            both.spawn(site_->tls_sessions.open());
            both.spawn(site_->ticket_keys.keep(site_->tls.get()));
            co_await both.join();
        }
    }

    Task<void> serve(Connection connection) override {
        auto session = std::make_unique<Session>(*site_, std::move(connection));
        co_await session->run();
    }

    std::optional<std::string> changed_table() override {
        if (site_->cyrus && site_->cyrus->is_broken()) {
            return "of SASL logins (their helper process has ended)";
        }
        return site_->certificates_mended ? "of TLS certificates" : changed_shared_table();
    }

    Task<void> shut_down() override { co_await site_->close(); }

  private:
    std::unique_ptr<Site> site_;
};

}  // namespace

// Policy services, milters, filters and tables of servers may be anywhere, and tables that name
// tables are opened when they do.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, "incoming"},  // speed_adjust
              {Access::kRead, "$config_directory"},
              {Access::kRead, "$smtpd_tls_CApath"},
              {Access::kRead, "@certificates"},
              {Access::kRead, "@names"}},
    .reach = Reach::kServers,
};

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "smtpd";
    traits.sandbox = &kSandbox;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<Smtpd>(); });
}
