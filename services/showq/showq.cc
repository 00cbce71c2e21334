// showq(8): tells postqueue(1) what is in the queue: for every message its sender, size, age and
// recipients, and why it has not been delivered.
//
// Runs as mail_owner and may be chrooted in the queue directory.  It only reads.
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/daemon/daemon.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"
#include "lib/queue/queue_config.h"
#include "lib/queue/queue_survey.h"

#include "services/showq/message_report.h"

namespace relais::showq {

namespace {

constexpr std::array kQueues = {kMaildrop, kActive, kIncoming, kDeferred, kHold};

class Showq : public Daemon {
  public:
    Showq()
        : settings_{.dirs = queue_dirs_from(conf()),
                    .empty_address = conf().empty_address_recipient(),
                    .utf8 = utf8_mode()} {}

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
        auto report = [this, &queue](const QueueScan::Entry& entry) {
            return report_message(settings_, queue, entry.name, entry.path);
        };
        auto survey = QueueSurvey<std::string>::open(queue, std::move(report));
        if (!survey) {
            log_warning("{}", survey.error().message);
            co_return;
        }
        for (;;) {
            std::vector<std::string> reports = co_await survey->next();
            if (reports.empty()) {
                co_return;
            }
            for (const std::string& text : reports) {
                client->write(text);
            }
            co_await client->flush();
        }
    }

    ReportSettings settings_;
};

}  // namespace

}  // namespace relais::showq

// All queues.
constexpr relais::SandboxTable kSandbox = {
    .files = {{relais::Access::kRead, "@queues"}},
};

int main(int argc, char** argv) {
    relais::DaemonTraits traits{.name = "showq", .kind = relais::ServiceKind::kSessions};
    traits.sandbox = &kSandbox;
    return relais::run_daemon(argc, argv, traits,
                              [] { return std::make_unique<relais::showq::Showq>(); });
}
