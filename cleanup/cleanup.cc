// cleanup(8): makes queue files of the messages that smtpd, pickup, local, bounce and others send
// it, and answers when a message is on disk.
//
// A message comes as records: its envelope, its content, and an envelope that was extracted from
// the content (session).  The envelope's addresses are rewritten, mapped and expanded (envelope,
// recipients, rewriter), headers are completed and rewritten (content, headers), and the file is
// written at once, synced beside those of other sessions, and announced to qmgr (commit).
//
// Runs as mail_owner and may be chrooted in the queue directory.  It trusts its clients to say who
// sent a message, but not a byte of the message.  One process serves many clients, and a client of
// ours brings one message after the other over its connection.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/errors.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/maps/shared_tables.h"

#include "cleanup/service.h"
#include "cleanup/session.h"

namespace relais::cleanup {

namespace {

// Longer than a client of ours keeps a connection.
constexpr auto kLongestPause = std::chrono::seconds(6);

class Cleanup : public Daemon {
  public:
    Cleanup() : service_(conf()) {}

    Task<void> background() override { return service_.wake_qmgr(); }

    Task<void> serve(Connection connection) override {
        Stream stream(std::move(connection.fd));
        try {
            bool goes_on = true;
            for (int messages = 1; goes_on; ++messages) {
                bool answered = co_await take_message(&stream);
                goes_on = answered && may_go_on(messages) && co_await asked_for_another(&stream);
            }
            co_await stream.flush();
        } catch (const IoError&) {
            // The client went away in the middle: its own log says why, and the message is dropped.
        }
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

    Task<void> retiring() override {
        retiring_ = true;
        co_return;
    }

  private:
    Task<bool> take_message(Stream* stream) {
        Service::Presence presence(service_);
        Session session(service_, *stream);
        bool answered = co_await session.run();
        co_return answered;
    }

    // A process that serves one client at a time is for the next one.
    bool may_go_on(int messages) const {
        return process_info().sessions > 1 && messages < conf().max_use() && !retiring_;
    }

    // The offer goes out with the reply.  A client of Postfix's has hung up by then.
    Task<bool> asked_for_another(Stream* stream) {
        stream->write(AttrWriter().string("protocol", kCleanupAgainProtocol).end().bytes());
        stream->set_timeout(
            std::min<std::chrono::milliseconds>(kLongestPause, conf().ipc_timeout()));
        auto request = co_await read_attributes(stream);
        // What has changed meanwhile is for a fresh process, and the client asks there.
        co_return request && !retiring_ && !changed_shared_table();
    }

    Service service_;
    bool retiring_ = false;
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
