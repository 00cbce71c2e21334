#include "tools/postmulti/directories.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/process_lock.h"

namespace relais::postmulti {

namespace {

constexpr std::array kFiles = {"master.cf", "main.cf"};
constexpr int kMaxDepth = 16;

void move(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) {
        log_fatal("rename {} to {}: {}", from, to, std::strerror(errno));
    }
}

// Everything below a queue directory that holds no mail: directories, sockets, pid files.
void remove_empty(const std::string& directory, int depth) {
    auto names = list_directory(directory);
    if (!names || depth > kMaxDepth) {
        return;
    }
    for (const auto& name : *names) {
        std::string path = directory + "/" + name;
        struct stat info{};
        if (::lstat(path.c_str(), &info) != 0) {
            continue;
        }
        if (S_ISDIR(info.st_mode)) {
            remove_empty(path, depth + 1);
            ::rmdir(path.c_str());
        } else if (S_ISSOCK(info.st_mode) || S_ISFIFO(info.st_mode) ||
                   directory.ends_with("/pid")) {
            ::unlink(path.c_str());
        }
    }
}

bool is_cache(const std::string& name) {
    return name == "master.lock" || name == "prng_exch" || name.ends_with("_scache.db") ||
           name == "verify_cache.db" || name == "postscreen_cache.db";
}

void remove_caches(const std::string& directory) {
    auto names = list_directory(directory);
    for (const auto& name : names.value_or(std::vector<std::string>{})) {
        if (is_cache(name)) {
            ::unlink((directory + "/" + name).c_str());
        }
    }
}

}  // namespace

void make_directory(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        std::string part = path.substr(0, slash);
        if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
            log_fatal("create directory {}: {}", part, std::strerror(errno));
        }
        if (slash == std::string::npos) {
            return;
        }
    }
}

NewConfiguration::NewConfiguration(std::string directory, const std::string& meta_directory)
    : directory_(std::move(directory)) {
    for (const char* name : kFiles) {
        if (::access((directory_ + "/" + name).c_str(), F_OK) == 0) {
            log_fatal("{}/{} exists already", directory_, name);
        }
    }
    std::array<std::string, kFiles.size()> prototypes;
    for (std::size_t i = 0; i < kFiles.size(); ++i) {
        auto text = read_file(meta_directory + "/" + kFiles.at(i) + ".proto");
        if (!text) {
            log_fatal("{}", text.error().message);
        }
        prototypes.at(i) = std::move(*text);
    }
    make_directory(draft());
    for (std::size_t i = 0; i < kFiles.size(); ++i) {
        auto written = replace_file(draft() + "/" + kFiles.at(i), prototypes.at(i), 0644);
        if (!written) {
            log_fatal("{}", written.error().message);
        }
    }
}

void NewConfiguration::put_in_place() {
    for (const char* name : kFiles) {
        move(draft() + "/" + name, directory_ + "/" + name);
    }
    if (::rmdir(draft().c_str()) != 0) {
        log_warning("remove {}: {}", draft(), std::strerror(errno));
    }
}

void require_stopped(const Instance& instance) {
    auto holder = process_lock_holder(instance.queue_directory + "/pid/master.pid");
    if (holder && *holder) {
        log_fatal("Instance '{}' is not stopped", instance.config_directory);
    }
}

std::vector<std::string> remove_directories(const Instance& instance) {
    remove_empty(instance.queue_directory, 0);
    remove_caches(instance.data_directory);
    for (const char* name : kFiles) {
        ::unlink((instance.config_directory + "/" + name).c_str());
    }
    std::vector<std::string> left;
    for (const auto* path :
         {&instance.queue_directory, &instance.data_directory, &instance.config_directory}) {
        if (::rmdir(path->c_str()) != 0 && errno != ENOENT) {
            left.push_back(*path);
        }
    }
    return left;
}

}  // namespace relais::postmulti
