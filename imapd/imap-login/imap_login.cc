// imap-login: IMAP connections until somebody has logged in.  It talks to strangers, so it has no
// rights: it runs as mail_owner, and may be chrooted.  Passwords go to the auth service; a
// connection that has logged in goes to the imap service.  TLS sessions stay, and are relayed.
#include <memory>
#include <optional>

#include "lib/daemon/daemon.h"

#include "imapd/imap-login/session.h"
#include "imapd/imap-login/site.h"

namespace relais {
namespace {

class ImapLogin : public Daemon {
  public:
    void before_jail() override { site_.emplace(); }

    Task<void> serve(Connection connection) override {
        TaskGroup task;  // so that it can be ended from outside
        LoginSession session(*site_, std::move(connection.fd), task);
        task.spawn(session.run());
        try {
            co_await task.join();
        } catch (const Cancelled&) {
            // The whole process ends.
        }
        co_await task.close();
    }

    bool make_room() override { return site_->limits().drop_oldest(); }

    Task<void> shut_down() override { co_await site_->close(); }

  private:
    std::optional<Site> site_;
};

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    relais::DaemonTraits traits;
    traits.name = "imap-login";
    traits.privilege = relais::Privilege::kNever;
    traits.most_sessions = 10000;
    return relais::run_daemon(argc, argv, traits,
                              [] { return std::make_unique<relais::ImapLogin>(); });
}
