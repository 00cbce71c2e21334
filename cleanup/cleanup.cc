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
#include <string_view>
#include <utility>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/errors.h"
#include "lib/maps/shared_tables.h"

#include "cleanup/service.h"
#include "cleanup/session.h"

namespace relais::cleanup {

namespace {

// What is set but not done must not go unnoticed.
void warn_of_unsupported() {
    const std::pair<std::string_view, const std::string&> kUnsupported[] = {
        {"header_checks", conf().header_checks()},
        {"mime_header_checks", conf().mime_header_checks()},
        {"nested_header_checks", conf().nested_header_checks()},
        {"body_checks", conf().body_checks()},
        {"message_reject_characters", conf().message_reject_characters()},
        {"message_strip_characters", conf().message_strip_characters()},
        {"non_smtpd_milters", conf().non_smtpd_milters()},
    };
    for (const auto& [name, value] : kUnsupported) {
        if (!value.empty()) {
            log_warning("{} = {}: this version of cleanup does not apply it", name, value);
        }
    }
}

class Cleanup : public Daemon {
  public:
    Cleanup() : service_(conf()) { warn_of_unsupported(); }

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

int main(int argc, char** argv) {
    relais::DaemonTraits traits{
        .name = "cleanup",
        .kind = relais::ServiceKind::kSessions,
        .limit = relais::ProcessLimit::kNone,
    };
    return relais::run_daemon(argc, argv, traits,
                              [] { return std::make_unique<relais::cleanup::Cleanup>(); });
}
