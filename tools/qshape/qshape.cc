// qshape(1): how the mail in the queue is distributed over domains and ages.  Reads the queue files
// themselves, as the superuser or mail_owner; what stands in them is anybody's, and some of them
// vanish meanwhile.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/queue/envelope.h"
#include "lib/queue/queue_dirs.h"
#include "lib/queue/queue_survey.h"

#include "tools/qshape/age_table.h"
#include "tools/qshape/options.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"qshape", 1, CommandLog::kStderr};
constexpr std::size_t kShortestId = 6;  // five digits of the time, and an inode

// Many messages are in memory at once.
constexpr EnvelopeLimits kLimits{.recipients = 500};

struct Seen {
    std::optional<MessageEnvelope> message;
    UniqueFd file;        // where there are more recipients
    std::string trouble;  // that the user should know of
};

Seen look_at_file(const QueueScan::Entry& entry) {
    Seen seen;
    if (entry.name.size() < kShortestId) {
        return seen;
    }
    auto file = open_file(entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file) {
        if (file.error().sys_errno != ENOENT) {
            seen.trouble = std::move(file.error().message);
        }
        return seen;
    }
    QueueFileStatus status;
    if (::fstat(file->get(), &status.info) != 0 || !status.ready()) {
        return seen;
    }
    auto message = read_envelope(file->get(), kLimits);
    if (!message) {
        seen.trouble = entry.path + ": " + message.error().message;
        return seen;
    }
    seen.message = std::move(*message);
    if (seen.message->resume_offset != 0) {
        seen.file = std::move(*file);
    }
    return seen;
}

class Survey {
  public:
    explicit Survey(const QshapeOptions& options)
        : options_(options), table_(options), to_terminal_(::isatty(STDOUT_FILENO) != 0) {}

    Task<void> look_at(std::string queue) {
        auto survey = QueueSurvey<Seen>::open(queue, look_at_file);
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
        if (!seen.message) {
            return;
        }
        count(seen.file.get(), *seen.message);
        if (to_terminal_ && ++messages_ % options_.batch_messages == 0) {
            show();
        }
    }

    void count(int fd, MessageEnvelope& message) {
        std::int64_t age = now_ - message.arrival.seconds;
        if (options_.senders) {
            table_.add(message.sender, age);
            return;
        }
        for (;;) {
            for (const QueuedRecipient& recipient : message.recipients) {
                table_.add(recipient.address, age);
            }
            if (message.resume_offset == 0 || !read_more_recipients(fd, message, kLimits)) {
                return;
            }
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
    Survey survey(options);
    for (const std::string& queue : options.queues) {
        Loop::current().run_task(survey.look_at(queue));
    }
    survey.show();
    return 0;
}
