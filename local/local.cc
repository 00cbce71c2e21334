// local(8): delivers to the users of this machine: aliases, .forward files, commands, files,
// mailboxes.  Called by qmgr (and by agents that pass recipients on), one request at a time, since
// it takes on each user's identity.  It runs as root, reads queue files as mail_owner, and is never
// chrooted.
//
//   job.h        one recipient and all that it expands to
//   address.h    addresses and the places in alias entries
//   forwarder.h  mail that is sent on
//   site.h       tables and what else all deliveries share

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/deliver/agent_process.h"
#include "lib/maps/shared_tables.h"
#include "lib/queue/record_reader.h"

#include "local/job.h"

using namespace relais;
using namespace relais::local_agent;

namespace {

// The addresses of the Delivered-To headers: the mail has been here before.
std::set<std::string> delivered_to_headers(const Delivery& delivery) {
    constexpr std::string_view kHeader = "Delivered-To:";
    std::set<std::string> out;
    ContentReader reader(delivery.file(), delivery.request.data_offset);
    for (;;) {
        auto line = reader.next();
        if (!line || !*line || (*line)->text.empty()) {
            return out;
        }
        if (istarts_with((*line)->text, kHeader)) {
            out.insert(lowercase(trim((*line)->text.substr(kHeader.size()))));
        }
    }
}

class LocalDaemon : public Daemon {
  public:
    void before_jail() override {
        check_mailbox_limit("mailbox_size_limit", conf().mailbox_size_limit());
        limit_file_size(conf().mailbox_size_limit());
    }

    void after_jail() override { site_.emplace(); }

    Task<void> serve(Connection connection) override {
        auto deliver = [this](Delivery* delivery) { return deliver_all(delivery); };
        co_await serve_delivery(std::move(connection.fd), deliver);
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    [[nodiscard]] Task<void> deliver_all(Delivery* delivery) {
        std::set<std::string> loops = delivered_to_headers(*delivery);
        for (const Recipient& recipient : delivery->request.recipients) {
            Job job(&*site_, delivery, &loops, recipient);
            Disposition outcome = co_await job.run();
            delivery->settle(recipient, outcome);
        }
    }

    std::optional<Site> site_;
};

}  // namespace

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "local";
    traits.privilege = Privilege::kRoot;
    traits.most_sessions = 1;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<LocalDaemon>(); });
}
