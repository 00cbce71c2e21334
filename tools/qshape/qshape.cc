// qshape(1): how the mail in the queue is distributed over domains and ages.  Reads the queue files
// themselves, as the superuser or mail_owner; what stands in them is anybody's, and some of them
// vanish meanwhile.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/daemon/sandbox.h"
#include "lib/event/loop.h"
#include "lib/queue/envelope.h"
#include "lib/queue/queue_file.h"
#include "lib/queue/queue_survey.h"

#include "tools/qshape/age_table.h"
#include "tools/qshape/options.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"qshape", 1, CommandLog::kStderr};
// Besides the directories that are named.
constexpr SandboxTable kSandbox = {
    .files = {{Access::kRead, "@queues"}},
};
constexpr std::size_t kShortestId = 6;  // five digits of the time, and an inode

// Many messages are in memory at once.
constexpr EnvelopeLimits kLimits{.recipients = 500, .detail = EnvelopeDetail::kAddresses};

enum class Side { kSenders, kRecipients };

// What of a message has not been read yet.
struct Rest {
    UniqueFd file;
    MessageEnvelope message;
};

struct Seen {
    bool is_message = false;
    std::int64_t arrival = 0;
    std::vector<std::string> domains;
    std::unique_ptr<Rest> rest;  // where there are more recipients
    std::string trouble;         // that the user should know of
};

void add_domains(const MessageEnvelope& message, std::vector<std::string>& domains) {
    for (const QueuedRecipient& recipient : message.recipients) {
        domains.push_back(counted_domain(recipient.address));
    }
}

Seen look_at_file(const QueueScan::Entry& entry, Side side) {
    Seen seen;
    if (entry.name.size() < kShortestId) {
        return seen;
    }
    auto file = look_at_queue_file(entry.path);
    if (!file) {
        bool is_gone = file.error().code == Errc::kNotFound;
        bool is_unfinished = file.error().code == Errc::kCorrupt;
        if (!is_gone && !is_unfinished) {
            seen.trouble = std::move(file.error().message);
        }
        return seen;
    }
    auto message = read_envelope(file->fd.get(), kLimits);
    if (!message) {
        seen.trouble = entry.path + ": " + message.error().message;
        return seen;
    }
    seen.is_message = true;
    seen.arrival = message->arrival.seconds;
    if (side == Side::kSenders) {
        seen.domains.push_back(counted_domain(message->sender));
        return seen;
    }
    add_domains(*message, seen.domains);
    if (message->resume_offset != 0) {
        seen.rest = std::make_unique<Rest>(std::move(file->fd), std::move(*message));
    }
    return seen;
}

class Survey {
  public:
    explicit Survey(const QshapeOptions& options)
        : options_(options), table_(options), to_terminal_(::isatty(STDOUT_FILENO) != 0) {}

    Task<void> look_at(std::string queue) {
        Side side = options_.senders ? Side::kSenders : Side::kRecipients;
        auto look = [side](const QueueScan::Entry& entry) { return look_at_file(entry, side); };
        auto survey = QueueSurvey<Seen>::open(queue, look);
        if (!survey) {
            log_warning("{}", survey.error().message);
            co_return;
        }
        for (;;) {
            std::vector<Seen> messages = co_await survey->next();
            if (messages.empty()) {
                co_return;
            }
            for (Seen& seen : messages) {
                take(seen);
            }
        }
    }

    // On a terminal only the top of it, in place of what was shown before.
    void show() const {
        const char* terminal = to_terminal_ ? std::getenv("TERM") : nullptr;
        if (terminal != nullptr && std::strcmp(terminal, "dumb") != 0) {
            std::fputs("\033[H\033[2J", stdout);
        }
        std::string text = table_.text(to_terminal_ ? options_.batch_domains : SIZE_MAX);
        std::fwrite(text.data(), 1, text.size(), stdout);
        if (std::fflush(stdout) != 0) {
            log_fatal("output error: {}", std::strerror(errno));
        }
    }

  private:
    void take(Seen& seen) {
        if (!seen.trouble.empty()) {
            log_warning("{}", seen.trouble);
        }
        if (!seen.is_message) {
            return;
        }
        count(seen);
        if (to_terminal_ && ++messages_ % options_.batch_messages == 0) {
            show();
        }
    }

    void count(Seen& seen) {
        std::int64_t age = now_ - seen.arrival;
        for (;;) {
            for (const std::string& domain : seen.domains) {
                table_.add(domain, age);
            }
            if (!seen.rest || seen.rest->message.resume_offset == 0 ||
                !read_more_recipients(seen.rest->file.get(), seen.rest->message, kLimits)) {
                return;
            }
            seen.domains.clear();
            add_domains(seen.rest->message, seen.domains);
        }
    }

    const QshapeOptions& options_;
    AgeTable table_;
    bool to_terminal_;
    std::uint64_t messages_ = 0;
    std::int64_t now_ = std::time(nullptr);
};

}  // namespace

int main(int argc, char** argv) {
    begin_command(kCommand, argv);
    QshapeOptions options = parse_qshape_options(argc, argv);
    configure_command(kCommand);
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir {}: {}", conf().queue_directory(), std::strerror(errno));
    }
    std::vector<KnownPlace> places;
    for (const std::string& queue : options.queues) {
        places.push_back({Access::kRead, queue});
    }
    enter_sandbox(kSandbox, places);
    Survey survey(options);
    for (const std::string& queue : options.queues) {
        Loop::current().run_task(survey.look_at(queue));
    }
    survey.show();
    return 0;
}
