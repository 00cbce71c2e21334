#include "lib/access/delivery_worker.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/access/delivery_job.h"
#include "lib/access/quota_commands.h"
#include "lib/access/user.h"
#include "lib/access/user_sandbox.h"
#include "lib/access/worker.h"
#include "lib/base/fd_message.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/blocking.h"
#include "lib/event/socket.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/store/mailbox_lock.h"
#include "lib/store/subscriptions.h"

namespace relais {

namespace {

constexpr std::size_t kAtOnce = 16;
constexpr std::size_t kSyncsAtOnce = 8;  // for one message

struct Received {
    DeliveryOrder order;
    UniqueFd message;
};

class DeliveryWorker {
  public:
    explicit DeliveryWorker(UniqueFd channel) : channel_(std::move(channel)) {}

    Task<void> run() {
        try {
            for (;;) {
                Semaphore::Place place = co_await places_.take();
                auto received = co_await receive();
                if (!received) {
                    break;
                }
                orders_.spawn(carry_out(std::move(place), std::move(*received)));
            }
        } catch (const IoError& error) {
            log_warning("deliveries: {}", error.what());
        }
        co_await orders_.join();
        co_await commands_.join();
    }

  private:
    // Nothing at the end.
    Task<std::optional<Received>> receive() {
        std::string bytes(kMaxOrder, '\0');
        for (;;) {
            Received received;
            ssize_t got = receive_with_fd(channel_.get(), bytes, received.message);
            if (got == 0) {
                co_return std::nullopt;
            }
            if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
                co_await wait_fd_readable(channel_.get());
                continue;
            }
            if (got < 0) {
                throw IoError("receive an order", errno);
            }
            auto order = DeliveryOrder::parse(
                std::string_view(bytes).substr(0, static_cast<std::size_t>(got)));
            if (!order || (!order->check_only && !received.message)) {
                throw IoError("malformed order: " + (order ? "no message" : order.error().message));
            }
            received.order = std::move(*order);
            co_return received;
        }
    }

    Task<void> carry_out(Semaphore::Place /*place*/, Received received) {
        DeliveryAnswer answer;
        answer.number = received.order.number;
        DeliveryJob job(quota_settings(), received.message.get(), std::move(received.order));
        auto work = [&job] { job.run(); };
        co_await run_blocking(std::move(work));
        co_await sync_all(&job);
        answer.results = job.results();
        for (const std::string& note : job.notes()) {
            log_info("{}", note);
        }
        for (const DeliveryJob::NewFolder& folder : job.made()) {
            if (conf().lmtpd_mailbox_autosubscribe()) {
                co_await subscribe(folder);
            }
        }
        for (const DeliveryJob::Warning& warning : job.warnings()) {
            commands_.start(warning.argv, warning.user);
        }
        co_await send(answer.serialize());
    }

    static Task<void> sync_all(DeliveryJob* job) {
        TaskGroup parts;
        std::size_t count = std::min(job->to_sync(), kSyncsAtOnce);
        for (std::size_t first = 0; first < count; ++first) {
            parts.spawn(sync_part(job, first, count));
        }
        co_await parts.join_or_close();
    }

    static Task<void> sync_part(DeliveryJob* job, std::size_t first, std::size_t step) {
        auto work = [job, first, step] { job->sync(first, step); };
        co_await run_blocking(std::move(work));
    }

    Task<void> send(std::string bytes) {
        for (;;) {
            ssize_t sent = send_with_fd(channel_.get(), bytes, -1);
            if (sent >= 0) {
                co_return;
            }
            if (errno != EAGAIN && errno != EINTR) {
                co_return;  // nobody waits for it any more
            }
            co_await wait_fd_writable(channel_.get());
        }
    }

    static Task<void> subscribe(DeliveryJob::NewFolder folder) {
        auto lock = co_await MailboxLock::acquire(folder.subscriptions);
        auto list =
            lock ? Subscriptions::load(folder.subscriptions, folder.names) : fail_with(lock);
        Result<void> done = list ? Result<void>() : fail_with(list);
        if (list && list->add(folder.name)) {
            done = list->save(folder.subscriptions, 0600);
        }
        if (!done) {
            log_warning("subscribe to {}: {}", printable(folder.name), done.error().message);
        }
    }

    UniqueFd channel_;
    Semaphore places_{kAtOnce};
    TaskGroup orders_;
    QuotaCommands commands_;
};

}  // namespace

void run_delivery_worker(UniqueFd channel, const WorkerIdentity& identity) {
    auto done = become_user(identity);
    if (!done) {
        log_warning("deliveries for uid {}: {}", identity.uid, done.error().message);
        log_flush(1000);
        ::_exit(1);
    }
    if (::chdir("/") != 0) {
        ::_exit(1);
    }
    enter_user_sandbox();
    Loop::current().after_fork();
    (void)set_nonblocking(channel.get());
    {
        DeliveryWorker worker(std::move(channel));
        Loop::current().run_task(worker.run());
    }
    log_flush(1000);
    // Not exit(): what was set up before the fork belongs to the parent.
    ::_exit(0);
}

}  // namespace relais
