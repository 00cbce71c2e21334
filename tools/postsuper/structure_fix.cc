#include "tools/postsuper/structure_fix.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/queue/queue_id.h"

namespace relais {

namespace {

constexpr std::time_t kOldUnfinished = 7 * 24 * 3600;
// Marks names of the first pass, so that the new name of one message never meets the old one of
// another.
constexpr std::string_view kSuffix = "#FIX";
constexpr std::size_t kMaxDepth = 20;

std::string without_suffix(std::string_view name) {
    return std::string(name.ends_with(kSuffix) ? name.substr(0, name.size() - kSuffix.size())
                                               : name);
}

}  // namespace

void StructureFix::run(const std::vector<std::string>& queues) {
    pass(queues);
    if (mismatch_) {
        pass(queues);
    }
}

void StructureFix::pass(const std::vector<std::string>& queues) {
    for (const std::string& queue : queues) {
        std::vector<File> files;
        collect(queue, 0, static_cast<std::size_t>(dirs_.hash_depth(queue)), files);
        for (const File& file : files) {
            take(queue, file);
        }
    }
}

// All files below; directories that hashing does not use any more are removed once they are empty.
void StructureFix::collect(const std::string& directory, std::size_t depth,
                           std::size_t wanted_depth, std::vector<File>& found) {
    auto names = list_directory(directory);
    if (!names) {
        log_warning("{}", names.error().message);
        return;
    }
    for (std::string& name : *names) {
        std::string path = directory + "/" + name;
        auto status = queue_file_status(path);
        if (!status) {
            continue;
        }
        if (!S_ISDIR(status->info.st_mode)) {
            found.push_back({std::move(name), std::move(path)});
            continue;
        }
        bool hash_directory = name.size() == 1;
        if (hash_directory && depth < kMaxDepth) {
            collect(path, depth + 1, wanted_depth, found);
        }
        bool surplus = !hash_directory || depth >= wanted_depth;
        if (surplus && options_.structure && ::rmdir(path.c_str()) != 0 && !hash_directory) {
            log_warning("remove {}: {}", path, std::strerror(errno));
        }
    }
}

bool StructureFix::purge(const File& file, const QueueFileStatus& status) const {
    bool old = status.info.st_mtime + kOldUnfinished < std::time(nullptr);
    if (status.regular() && !old) {
        return false;
    }
    if (::unlink(file.path.c_str()) != 0 && errno != ENOENT) {
        log_warning("remove {}: {}", file.path, std::strerror(errno));
    }
    return true;
}

void StructureFix::take(const std::string& queue, const File& file) {
    auto status = queue_file_status(file.path);
    if (!status) {
        return;
    }
    bool messages = is_message_queue(queue);
    if (messages && !status->ready()) {
        if (options_.purge) {
            purge(file, *status);
        }
        return;
    }
    if (!options_.structure) {
        return;
    }
    std::string id = without_suffix(file.name);
    if (messages && id != file.name) {
        rename_message(queue, file, id);
        ++tally_.renamed;
        return;
    }
    if (!messages && id != file.name) {
        return;  // comes with its message
    }
    if (messages && valid_queue_id(id)) {
        std::string wanted = wanted_id(id, *status);
        if (wanted != id) {
            mismatch_ = true;
            rename_message(queue, file, wanted + std::string(kSuffix));
            return;
        }
    }
    if (valid_queue_id(id) && dirs_.path(queue, id) != file.path) {
        rename_file(queue, file.path, id);
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
void StructureFix::rename_message(const std::string& queue, const File& file,
                                  const std::string& new_name) {
    for (std::string_view log : {kBounceLog, kDeferLog, kTraceLog}) {
        rename_file(log, dirs_.path(log, file.name), new_name);
    }
    rename_file(queue, file.path, new_name);
}

bool StructureFix::rename_file(std::string_view queue, const std::string& from,
                               const std::string& new_name) {
    std::string to = dirs_.path(queue, new_name);
    if (std::rename(from.c_str(), to.c_str()) == 0) {
        return true;
    }
    if (errno == ENOENT && dirs_.make_directories(queue, new_name) &&
        std::rename(from.c_str(), to.c_str()) == 0) {
        return true;
    }
    int error = errno;
    if (error == ENOENT) {
        return false;
    }
    log_warning("OPERATION INCOMPLETE -- RERUN COMMAND TO FIX THE QUEUE FIRST");
    log_fatal("rename file {} as {}: {}", from, to, std::strerror(error));
}

}  // namespace relais
