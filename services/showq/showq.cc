// showq(8): tells postqueue(1) what is in the queue: for every message its sender, size, age and
// recipients, and why it has not been delivered.
//
// Runs as mail_owner and may be chrooted in the queue directory.  It only reads.
#include <array>
#include <memory>
#include <string>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"
#include "lib/queue/queue_config.h"
#include "lib/queue/queue_scan.h"

#include "services/showq/message_report.h"

namespace relais::showq {

namespace {

constexpr std::size_t kFlushSize = 65536;
constexpr std::array kQueues = {kMaildrop, kActive, kIncoming, kDeferred, kHold};

class Showq : public Daemon {
  public:
    Showq() : dirs_(queue_dirs_from(conf())) {}

    Task<void> serve(Connection connection) override {
        Stream client(std::move(connection.fd));
        client.set_timeout(conf().ipc_timeout());
        client.write(AttrWriter().string("protocol", "mail_queue_list_protocol").end().bytes());
        for (std::string_view queue : kQueues) {
            co_await list_queue(&client, std::string(queue));
        }
        client.write(AttrWriter().end().bytes());
        co_await client.flush();
    }

  private:
    Task<void> list_queue(Stream* client, std::string queue) {
        auto scan = QueueScan::open(queue);
        if (!scan) {
            log_warning("{}", scan.error().message);
            co_return;
        }
        while (auto entry = scan->next()) {
            if (!valid_queue_id(entry->name)) {
                continue;
            }
            client->write(report_message(dirs_, queue, entry->name, entry->path));
            if (client->unsent() >= kFlushSize) {
                co_await client->flush();
            }
        }
    }

    QueueDirs dirs_;
};

}  // namespace

}  // namespace relais::showq

int main(int argc, char** argv) {
    relais::DaemonTraits traits{.name = "showq", .kind = relais::ServiceKind::kSessions};
    return relais::run_daemon(argc, argv, traits,
                              [] { return std::make_unique<relais::showq::Showq>(); });
}
