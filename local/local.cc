// local(8): delivers to the users of this machine, through aliases and ~/.forward files to
// mailboxes, commands, files and other addresses.  Called by qmgr, one request at a time, since the
// process takes on each user's identity.  It runs as root, reads queue files as mail_owner, and is
// never chrooted; every file and command is opened and run with the rights of the user whom it
// belongs to, or of default_privs.
//
//   expansion.h      one recipient's way; recipient.cc: in which order it is tried
//   alias.cc dotforward.cc include.cc tokens.cc    lists of other destinations
//   mailbox.cc file.cc command.cc unknown.cc       where it ends
//   forward.cc       what goes back into the queue
//   agent.h          the process: tables, identity, parsed parameters
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/deliver/status_filter.h"
#include "lib/maps/shared_tables.h"

#include "local/expansion.h"

using namespace relais;
using namespace relais::local_agent;

namespace {

class LocalDaemon : public Daemon {
  public:
    void before_jail() override {
        use_status_filter("local_delivery_status_filter", conf().local_delivery_status_filter());
        agent_.emplace();
    }

    void after_jail() override {
        agent_->identity = std::make_unique<FileIdentity>(mail_owner_ids(conf().mail_owner()));
        agent_->rewrite = std::make_unique<RewriteClient>();
    }

    Task<void> serve(Connection connection) override {
        auto deliver = [this](Delivery* delivery) { return deliver_all(delivery); };
        co_await serve_delivery(std::move(connection.fd), deliver);
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    [[nodiscard]] Task<void> deliver_all(Delivery* delivery) {
        for (const Recipient& recipient : delivery->request.recipients) {
            Expansion expansion(&*agent_, delivery);
            Disposition disposition = co_await expansion.run(recipient);
            delivery->settle(recipient, disposition);
        }
    }

    std::optional<Agent> agent_;
};

}  // namespace

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "local";
    traits.privilege = Privilege::kRoot;
    traits.most_sessions = 1;
    // No sandbox: users' commands may be set-uid or set-gid, as sendmail's postdrop is.
    traits.sandbox = nullptr;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<LocalDaemon>(); });
}
