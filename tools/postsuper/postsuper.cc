// postsuper(1): the superuser's tool for the queue: deletes, holds, releases, requeues and expires
// messages, and repairs the queue directories.  Runs as mail_owner, for root.
#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/daemon/privileges.h"
#include "lib/daemon/sandbox.h"
#include "lib/queue/queue_config.h"

#include "tools/postsuper/message_actions.h"
#include "tools/postsuper/structure_fix.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"postsuper"};

constexpr SandboxTable kSandbox = {
    .files = {{Access::kChange, "@queues"}},
};

struct Options {
    StructureOptions repair;
    std::vector<std::pair<MessageAction, std::string>> actions;  // in their order
    std::vector<std::string> queues;
};

[[noreturn]] void usage() {
    log_fatal(
        "usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] [-f "
        "queue_id (expire and/or un-hold)] [-h queue_id (hold)] [-H queue_id (un-hold)] [-p (purge "
        "temporary files)] [-r queue_id (requeue)] [-s (structure fix)] [-S (redundant structure "
        "fix)][-v (verbose)] [queue...]");
}

void use_absolute_directory(const std::string& directory) {
    if (!directory.starts_with('/')) {
        log_fatal("-c requires absolute pathname");
    }
    use_config_directory(directory);
}

Options parse(int argc, char** argv) {
    Options options;
    int verbose = 0;
    auto add = [&](MessageAction action) { options.actions.emplace_back(action, ::optarg); };
    for (int option; (option = ::getopt(argc, argv, "+c:d:e:f:h:H:pr:sSv")) != -1;) {
        switch (option) {
            case 'c':
                use_absolute_directory(::optarg);
                break;
            case 'd':
                add(MessageAction::kDelete);
                break;
            case 'e':
                add(MessageAction::kExpire);
                break;
            case 'f':
                add(MessageAction::kExpireAndRelease);
                break;
            case 'h':
                add(MessageAction::kHold);
                break;
            case 'H':
                add(MessageAction::kRelease);
                break;
            case 'p':
                options.repair.purge = true;
                break;
            case 'r':
                add(MessageAction::kRequeue);
                break;
            case 'S':
                options.repair.long_inodes = true;
                [[fallthrough]];
            case 's':
                options.repair.structure = true;
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            default:
                usage();
        }
    }
    options.queues.assign(argv + ::optind, argv + argc);
    if (options.actions.empty() && !options.repair.structure && !options.repair.purge) {
        options.repair.structure = true;
        options.repair.purge = true;
    }
    return options;
}

// "-": ids from standard input.
void on_listed_messages(MessageActions& actions, MessageAction action,
                        const std::vector<std::string>& queues) {
    actions.expect(action);
    std::string line;
    while (std::getline(std::cin, line)) {
        actions.on_message(action, line, queues);
    }
}

int run(const Options& options) {
    QueueDirs dirs = queue_dirs_from(conf());
    Tally tally;
    const auto repair_queues =
        options.queues.empty() ? default_queues(MessageAction::kDelete) : options.queues;
    if (options.repair.structure || options.repair.purge) {
        StructureFix(dirs, options.repair, tally).run(repair_queues);
    }
    MessageActions actions(dirs, tally);
    for (const auto& [action, target] : options.actions) {
        auto queues = options.queues.empty() ? default_queues(action) : options.queues;
        if (target == "ALL") {
            actions.on_all(action, queues);
        } else if (tally.renamed > 0) {
            log_error("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
            log_fatal("CHECK YOUR QUEUE IDS AND RE-ISSUE THE COMMAND");
        } else if (target == "-") {
            on_listed_messages(actions, action, queues);
        } else {
            actions.on_message(action, target, queues);
        }
    }
    tally.log();
    return tally.failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    begin_command(kCommand, argv);
    Options options = parse(argc, argv);
    configure_command(kCommand);
    // In an instance of a user's own he is what root is elsewhere.
    if (::getuid() != 0 && user_name_of(::getuid()) != conf().mail_owner()) {
        log_fatal("use of this command is reserved for the superuser");
    }
    for (const std::string& queue : options.queues) {
        if (!is_known_queue(queue)) {
            log_fatal("invalid directory name: {}", queue);
        }
    }
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir {}: {}", conf().queue_directory(), std::strerror(errno));
    }
    enter_jail("", conf().mail_owner());
    enter_sandbox(kSandbox);
    int status = run(options);
    log_flush(1000);
    return status;
}
