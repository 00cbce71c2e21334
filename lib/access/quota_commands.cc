#include "lib/access/quota_commands.h"

#include <csignal>

#include "lib/base/log.h"
#include "lib/event/child.h"
#include "lib/event/errors.h"
#include "lib/sasl/user_variables.h"

namespace relais {

namespace {

constexpr std::size_t kAtOnce = 4;
constexpr std::chrono::seconds kTime{60};

Task<void> run_command(std::vector<std::string> argv) {
    ChildSpec spec;
    spec.argv = std::move(argv);
    spec.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
    spec.own_group = true;
    auto child = Child::start(spec);
    if (!child) {
        log_warning("quota_warnings: {}", child.error().message);
        co_return;
    }
    try {
        ChildStatus status = co_await child->wait(Deadline::after(kTime));
        if (!status.ok()) {
            log_warning("quota_warnings: {}: exit status {}, signal {}", spec.argv.front(),
                        status.exit_status, status.signal);
        }
        co_return;
    } catch (const TimedOut&) {
        log_warning("quota_warnings: {} takes too long", spec.argv.front());
    }
    child->kill_group(SIGKILL);
    (void)co_await child->wait();
}

}  // namespace

void QuotaCommands::start(const std::vector<std::string>& argv, const std::string& user) {
    if (running_.size() >= kAtOnce) {
        log_warning("quota_warnings: {} is not run: too many run already", argv.front());
        return;
    }
    std::vector<std::string> words;
    words.reserve(argv.size());
    for (const std::string& word : argv) {
        words.push_back(expand_user_variables(word, user));
    }
    running_.spawn(run_command(std::move(words)));
}

}  // namespace relais
