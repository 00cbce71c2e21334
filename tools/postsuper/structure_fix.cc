#include "tools/postsuper/structure_fix.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/queue/queue_id.h"
#include "lib/queue/queue_survey.h"

#include "tools/postsuper/unread_directories.h"

namespace relais {

namespace {

constexpr std::time_t kOldUnfinished = std::time_t{7} * 24 * 3600;
// Behind the names that the first pass gives.
constexpr std::string_view kMark = "#FIX";
constexpr int kMaxDepth = 20;

// By its links a directory mostly says that there are no others in it, and need not be read.
bool has_no_directories(int directory) {
    struct stat info{};
    return ::fstat(directory, &info) == 0 && info.st_nlink == 2;
}

bool is_directory_in(int directory, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) {
        return entry.d_type == DT_DIR;
    }
    struct stat info{};
    return ::fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(info.st_mode);
}

// Their names; none where it cannot be read, which whoever looks for its files has told.
std::vector<std::string> directories_in(const std::string& path) {
    std::vector<std::string> names;
    auto close = [](DIR* directory) { ::closedir(directory); };
    std::unique_ptr<DIR, decltype(close)> directory(::opendir(path.c_str()));
    if (!directory || has_no_directories(::dirfd(directory.get()))) {
        return names;
    }
    while (const dirent* entry = ::readdir(directory.get())) {
        std::string_view name = entry->d_name;
        if (name != "." && name != ".." && is_directory_in(::dirfd(directory.get()), *entry)) {
            names.emplace_back(name);
        }
    }
    return names;
}

}  // namespace

void StructureFix::run(const std::vector<std::string>& queues) {
    pass_over(queues, Pass::kMark);
    if (marked_) {
        pass_over(queues, Pass::kUnmark);
    }
    end_where_unread(unread_);
}

void StructureFix::pass_over(const std::vector<std::string>& queues, Pass pass) {
    for (const std::string& queue : queues) {
        Loop::current().run_task(pass_over_queue(queue, pass));
        if (options_.structure) {
            remove_surplus(queue, 0, dirs_.hash_depth(queue));
        }
    }
}

// On a helper thread.  What a message is called depends on its file, what a log is called does not.
StructureFix::Found StructureFix::look_at(const QueueScan::Entry& entry, bool messages) {
    Found found{entry, {}, true};
    if (!messages && entry.type == DT_REG) {
        found.status.info.st_mode = S_IFREG;
        return found;
    }
    auto status = queue_file_status(entry.path);
    found.is_there = status.has_value();
    if (status) {
        found.status = *status;
    }
    return found;
}

Task<void> StructureFix::pass_over_queue(std::string queue, Pass pass) {
    const bool messages = is_message_queue(queue);
    auto look = [messages](const QueueScan::Entry& entry) { return look_at(entry, messages); };
    auto survey = QueueSurvey<Found>::open(queue, look, SurveyOf::kEveryFile);
    if (!survey) {
        log_warning("{}", survey.error().message);
        co_return;
    }
    for (;;) {
        std::vector<Found> files = co_await survey->next();
        if (files.empty()) {
            const auto& troubles = survey->troubles();
            unread_.insert(unread_.end(), troubles.begin(), troubles.end());
            co_return;
        }
        for (const Found& found : files) {
            take(queue, found, pass);
        }
    }
}

void StructureFix::take(const std::string& queue, const Found& found, Pass pass) {
    const bool is_directory = S_ISDIR(found.status.info.st_mode);  // no part of the queue
    if (!found.is_there || is_directory) {
        return;
    }
    const bool messages = is_message_queue(queue);
    if (messages && !found.status.ready()) {
        purge(found);
    } else if (!options_.structure) {
        return;
    } else if (messages) {
        take_message(queue, found, pass);
    } else if (!found.entry.name.ends_with(kMark)) {  // a marked log comes with its message
        put_in_place(queue, found.entry);
    }
}

void StructureFix::take_message(const std::string& queue, const Found& found, Pass pass) {
    const QueueScan::Entry& entry = found.entry;
    if (entry.name.ends_with(kMark)) {
        marked_ = true;
        if (pass == Pass::kUnmark) {
            auto id = entry.name.substr(0, entry.name.size() - kMark.size());
            rename_message(queue, entry.path, entry.name, id);
            ++tally_.renamed;
        }
        return;
    }
    if (pass == Pass::kMark && valid_queue_id(entry.name)) {
        std::string wanted = wanted_id(entry.name, found.status);
        if (wanted != entry.name) {
            marked_ = true;
            rename_message(queue, entry.path, entry.name, wanted + std::string(kMark));
            return;
        }
    }
    put_in_place(queue, entry);
}

void StructureFix::put_in_place(const std::string& queue, const QueueScan::Entry& entry) {
    if (valid_queue_id(entry.name) && dirs_.path(queue, entry.name) != entry.path) {
        rename_file(queue, entry.path, entry.name);
    }
}

// What never became a message.
void StructureFix::purge(const Found& found) const {
    const QueueFileStatus& status = found.status;
    const bool is_old = status.info.st_mtime + kOldUnfinished < std::time(nullptr);
    if (!options_.purge || (status.regular() && !is_old)) {
        return;
    }
    if (::unlink(found.entry.path.c_str()) != 0 && errno != ENOENT) {
        log_warning("remove {}: {}", found.entry.path, std::strerror(errno));
    }
}

// Directories that hashing does not use any more, once they are empty, and what else there is.
void StructureFix::remove_surplus(const std::string& directory, int depth, int wanted_depth) {
    for (const std::string& name : directories_in(directory)) {
        const std::string path = format("{}/{}", directory, name);
        const bool is_hashed = name.size() == 1;
        if (is_hashed && depth < kMaxDepth) {
            remove_surplus(path, depth + 1, wanted_depth);
        }
        const bool is_surplus = !is_hashed || depth >= wanted_depth;
        if (is_surplus && ::rmdir(path.c_str()) != 0 && !is_hashed) {
            log_warning("remove {}: {}", path, std::strerror(errno));
        }
    }
}

// The id that a file of this name and inode should have.
std::string StructureFix::wanted_id(const std::string& id, const QueueFileStatus& status) const {
    bool is_long = is_long_queue_id(id);
    bool keep_long = is_long && dirs_.id_form() == QueueIdForm::kLong;
    if (keep_long && !options_.long_inodes) {
        return id;
    }
    if ((!is_long || keep_long) && queue_id_inode(id) == status.info.st_ino) {
        return id;
    }
    auto form = keep_long ? QueueIdForm::kLong : QueueIdForm::kShort;
    return queue_id_with_inode(id, form, status.info.st_ino).value_or(id);
}

// The message and the logs about it.
void StructureFix::rename_message(const std::string& queue, const std::string& path,
                                  const std::string& name, const std::string& new_name) {
    for (std::string_view log : {kBounceLog, kDeferLog, kTraceLog}) {
        rename_file(log, dirs_.path(log, name), new_name);
    }
    rename_file(queue, path, new_name);
}

void StructureFix::rename_file(std::string_view queue, const std::string& from,
                               const std::string& new_name) {
    std::string to = dirs_.path(queue, new_name);
    int renamed = std::rename(from.c_str(), to.c_str());
    if (renamed != 0 && errno == ENOENT && dirs_.make_directories(queue, new_name)) {
        renamed = std::rename(from.c_str(), to.c_str());
    }
    if (renamed == 0 || errno == ENOENT) {
        return;
    }
    int error = errno;
    log_warning("OPERATION INCOMPLETE -- RERUN COMMAND TO FIX THE QUEUE FIRST");
    log_fatal("rename file {} as {}: {}", from, to, std::strerror(error));
}

}  // namespace relais
