// cleanup(8): makes queue files of the messages that smtpd, pickup, local, bounce and others send
// it, and answers when a message is on disk.
//
// A message comes as records: its envelope, its content, and an envelope that was extracted from
// the content (session).  The envelope's addresses are rewritten, mapped and expanded (envelope,
// recipients, rewriter), headers are completed and rewritten (content, headers), and the file is
// written at once, synced beside those of other sessions, and announced to qmgr (commit).
//
// Runs as mail_owner and may be chrooted in the queue directory.  It trusts its clients to say who
// sent a message, but not a byte of the message.  One process serves many clients.
#include <memory>
#include <string>

#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/errors.h"
#include "lib/maps/shared_tables.h"

#include "cleanup/service.h"
#include "cleanup/session.h"

namespace relais::cleanup {

namespace {

class Cleanup : public Daemon {
  public:
    Cleanup() : service_(conf()) {}

    Task<void> background() override { return service_.wake_qmgr(); }

    Task<void> serve(Connection connection) override {
        Service::Presence presence(service_);
        Session session(service_, std::move(connection.fd));
        try {
            co_await session.run();
        } catch (const IoError&) {
            // The client went away in the middle: its own log says why, and the message is dropped.
        }
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    Service service_;
};

}  // namespace

}  // namespace relais::cleanup

// Queue files, what a queue id may have left behind, and the trigger of qmgr.
constexpr relais::SandboxTable kSandbox = {
    .files = {{relais::Access::kChange, "incoming"},
              {relais::Access::kChange, "hold"},
              {relais::Access::kChange, "bounce"},
              {relais::Access::kChange, "defer"},
              {relais::Access::kChange, "trace"},
              {relais::Access::kWrite, "public"},
              {relais::Access::kRead, "$config_directory"},
              {relais::Access::kRead, "@names"}},
    .servers_if = {"smtpd_milters", "non_smtpd_milters"},
};

int main(int argc, char** argv) {
    relais::DaemonTraits traits{
        .name = "cleanup",
        .kind = relais::ServiceKind::kSessions,
        .limit = relais::ProcessLimit::kNone,
    };
    traits.sandbox = &kSandbox;
    return relais::run_daemon(argc, argv, traits,
                              [] { return std::make_unique<relais::cleanup::Cleanup>(); });
}
