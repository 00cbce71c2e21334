#include "lib/deliver/agent_process.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/queue/queue_file.h"

namespace relais {

void check_mailbox_limit(std::string_view parameter, long limit) {
    if (limit <= 0) {
        return;
    }
    if (conf().message_size_limit() == 0) {
        log_fatal("configuration error: {} is limited but message_size_limit is unlimited",
                  parameter);
    }
    if (limit < conf().message_size_limit()) {
        log_fatal("configuration error: {} is smaller than message_size_limit", parameter);
    }
}

void limit_file_size(long limit) {
    if (limit <= 0) {
        return;
    }
    rlimit bounds{};
    if (::getrlimit(RLIMIT_FSIZE, &bounds) != 0) {
        log_fatal("getrlimit: {}", std::strerror(errno));
    }
    auto wanted = static_cast<rlim_t>(limit);
    if (bounds.rlim_cur != RLIM_INFINITY && bounds.rlim_cur < wanted) {
        return;
    }
    bounds.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_FSIZE, &bounds) != 0) {
        log_fatal("setrlimit: {}", std::strerror(errno));
    }
}

namespace {

// The device whose journal keeps names and files in order; nothing where there is none.  A process
// stands in the queue, so that it stays mounted.
std::optional<dev_t> journal_of_queue() {
    struct stat queue{};
    bool in_order = ::stat(".", &queue) == 0 && !needs_directory_sync(".");
    return in_order ? std::optional(queue.st_dev) : std::nullopt;
}

}  // namespace

DirectorySync maildir_sync(const std::string& directory) {
    static const std::optional<dev_t> journal = journal_of_queue();
    struct stat mailbox{};
    bool one_journal =
        journal && ::stat(directory.c_str(), &mailbox) == 0 && mailbox.st_dev == *journal;
    return one_journal ? DirectorySync::kNo : DirectorySync::kYes;
}

std::string system_host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) {
        log_fatal("gethostname: {}", std::strerror(errno));
    }
    return name.data();
}

}  // namespace relais
