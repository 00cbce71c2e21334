// pickup(8): brings the messages that local users left in maildrop (by postdrop, or by postsuper
// -r) to cleanup.
//
// Woken by postdrop for each message and by master once a minute, it scans maildrop until nothing
// is left to do; several messages are on their way at once (submission).  Runs as mail_owner.  The
// files are written by postdrop, which checks them, but are not trusted.
#include <cerrno>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/queue/queue_config.h"
#include "lib/queue/queue_scan.h"

#include "pickup/passed_on.h"
#include "pickup/submission.h"

namespace relais::pickup {

namespace {

constexpr std::size_t kAtOnce = 8;

class Pickup : public Daemon {
  public:
    Pickup() : dirs_(queue_dirs_from(conf())) {}

    void before_jail() override {
        auto directory = open_file(conf().data_directory(), O_PATH | O_DIRECTORY);
        if (directory) {
            data_ = std::move(*directory);
        } else {
            log_warning("{}", directory.error().message);
        }
    }

    // With the rights of whoever writes it.
    void after_jail() override { passed_on_.emplace(std::move(data_)); }

    std::vector<KnownPlace> known_places() override {
        return {{Access::kChange, conf().data_directory(), passed_on_->directory()}};
    }

    // The bytes carry no meaning.
    Task<void> trigger(std::string) override {
        for (;;) {
            done_ = 0;
            co_await scan();
            if (done_ == 0) {
                co_return;
            }
        }
    }

  private:
    Task<void> scan() {
        auto scan = QueueScan::open(std::string(kMaildrop));
        if (!scan) {
            log_warning("{}", scan.error().message);
            co_return;
        }
        TaskGroup submissions;
        Semaphore places(kAtOnce);
        std::set<FileKey> seen;
        bool is_all_seen = true;
        while (auto entry = scan->next()) {
            if (!valid_queue_id(entry->name)) {
                continue;
            }
            auto status = queue_file_status(entry->path);
            if (!status) {
                is_all_seen = is_all_seen && status.error().sys_errno == ENOENT;
                continue;
            }
            seen.emplace(status->info);
            if (!status->ready()) {
                continue;
            }
            auto place = co_await places.take();
            submissions.spawn(submit(std::move(*entry), *status, std::move(place)));
        }
        co_await submissions.join();
        if (is_all_seen && scan->troubles().empty()) {
            passed_on_->keep(seen);
        }
    }

    Task<void> submit(QueueScan::Entry entry, QueueFileStatus status, Semaphore::Place) {
        const FileKey key(status.info);
        SubmissionEnd end;
        if (passed_on_->contains(key)) {
            end = remove_submitted(entry.path);
        } else {
            Submission submission(dirs_, std::move(entry.name), std::move(entry.path), status);
            end = co_await submission.run();
        }
        if (end == SubmissionEnd::kPassedOn) {
            co_await passed_on_->insert(key);
        } else {
            passed_on_->erase(key);
        }
        done_ += end == SubmissionEnd::kGone ? 1 : 0;
    }

    QueueDirs dirs_;
    UniqueFd data_;
    std::optional<PassedOn> passed_on_;
    int done_ = 0;
};

}  // namespace

}  // namespace relais::pickup

constexpr relais::SandboxTable kSandbox = {
    .files = {{relais::Access::kChange, "maildrop"},
              {relais::Access::kChange, "corrupt"},
              {relais::Access::kWrite, "public"},
              {relais::Access::kRead, "@names"}},
};

int main(int argc, char** argv) {
    relais::DaemonTraits traits{
        .name = "pickup",
        .kind = relais::ServiceKind::kTrigger,
        .limit = relais::ProcessLimit::kOne,
    };
    traits.sandbox = &kSandbox;
    return relais::run_daemon(argc, argv, traits,
                              [] { return std::make_unique<relais::pickup::Pickup>(); });
}
