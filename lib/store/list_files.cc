#include "lib/store/list_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/store/change_journal.h"
#include "lib/store/keyword_file.h"
#include "lib/store/more_keywords.h"
#include "lib/store/own_seen.h"
#include "lib/store/uidlist.h"

namespace relais {

namespace {

// "dovecot.index.log", "relais.cache.tmp": what stands behind them after a dot is theirs, too.
constexpr std::array<std::string_view, 9> kStems = {
    UidList::kFileName,       KeywordFile::kFileName, MoreKeywords::kFileName,
    ChangeJournal::kFileName, OwnSeen::kFileName,     "relais.index",
    "relais.cache",           "dovecot.index",        "dovecot-acl"};

// What cannot be found out anew.
constexpr std::array<std::string_view, 4> kNeeded = {UidList::kFileName, KeywordFile::kFileName,
                                                     MoreKeywords::kFileName, OwnSeen::kFileName};

bool has_our_name(std::string_view entry) {
    return std::ranges::any_of(kStems, [entry](std::string_view stem) {
        return entry.starts_with(stem) &&
               (entry.size() == stem.size() || entry[stem.size()] == '.');
    });
}

bool is_own_directory(const std::string& path) {
    struct stat status;
    return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<std::string> entries_of(const std::string& directory) {
    return list_directory(directory).value_or(std::vector<std::string>());
}

void copy_file(const std::string& source, const std::string& target) {
    struct stat status;
    auto from = open_file(source, O_RDONLY | O_NOFOLLOW);
    if (!from || ::fstat(from->get(), &status) < 0) {
        return;  // who cannot be read is moved as he is
    }
    auto text = read_all(from->get());
    auto to =
        text ? open_file(target, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, status.st_mode & 0666)
             : fail_with(text);
    auto written = to ? write_all(to->get(), *text) : fail_with(to);
    if (!written) {
        log_warning("copy {}: {}", source, written.error().message);
    }
}

void move_file(const std::string& source, const std::string& target) {
    if (std::rename(source.c_str(), target.c_str()) < 0 && errno != ENOENT) {
        log_warning("{}", fail_errno("rename " + source).error().message);
    }
}

}  // namespace

void remove_list_files(const std::string& directory) {
    for (const std::string& entry : entries_of(directory)) {
        if (has_our_name(entry)) {
            ::unlink(format("{}/{}", directory, entry).c_str());
        }
    }
}

void prepare_moving_list_files(const std::string& source, const std::string& target, unsigned mode,
                               std::size_t levels) {
    remove_list_files(target);
    for (const std::string& entry : entries_of(source)) {
        const std::string from = format("{}/{}", source, entry);
        const std::string to = format("{}/{}", target, entry);
        if (is_own_directory(from)) {
            if (levels > 1) {
                prepare_moving_list_files(from, to, mode, levels - 1);
            }
        } else if (std::ranges::find(kNeeded, entry) != kNeeded.end()) {
            (void)make_directories(target, mode);
            copy_file(from, to);
        }
    }
}

void move_list_files(const std::string& source, const std::string& target, unsigned mode,
                     std::size_t levels) {
    for (const std::string& entry : entries_of(source)) {
        const std::string from = format("{}/{}", source, entry);
        const std::string to = format("{}/{}", target, entry);
        if (is_own_directory(from)) {
            if (levels > 1) {
                move_list_files(from, to, mode, levels - 1);
            }
        } else if (has_our_name(entry)) {
            (void)make_directories(target, mode);
            move_file(from, to);
        }
    }
    ::rmdir(source.c_str());
}

}  // namespace relais
