// imap: IMAP sessions after login.
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/task_group.h"

#include "imapd/imap/session.h"
#include "imapd/imap/watcher.h"

namespace relais {
namespace {

class Imap : public Daemon {
  public:
    Task<void> serve(Connection connection) override;
};

Task<void> Imap::serve(Connection connection) {
    const char* home = ::getenv("HOME");
    const char* name = ::getenv("USER");
    User user(name != nullptr ? name : "user", home != nullptr ? home : ".",
              conf().imap_mail_location());
    auto ready = user.prepare();
    if (!ready) {
        log_warning("{}", ready.error().message);
        co_return;
    }
    Stream stream(std::move(connection.fd));
    TaskGroup beside;
    beside.spawn(read_directory_events());
    beside.spawn(user.keep_house());
    Session session(user, stream);
    SessionStart start;
    co_await session.run(start);
    co_await beside.close();
    user.save_all();
}

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    relais::DaemonTraits traits;
    traits.name = "imap";
    traits.kind = relais::ServiceKind::kShared;
    return relais::run_daemon(argc, argv, traits, [] { return std::make_unique<relais::Imap>(); });
}
