// Messages that are cleanup's already, and whose files in maildrop cannot be removed: no pickup,
// nor the next one, may bring them once more.  They stand in a file of data_directory, one to a
// line ("INODE SECONDS NANOSECONDS", the time of the last change).  It is there only while there
// are such messages; until then it may have lines of files that are gone.
#pragma once

#include <compare>
#include <ctime>
#include <set>
#include <string_view>

#include <sys/stat.h>

#include "lib/base/unique_fd.h"
#include "lib/event/sync.h"
#include "lib/event/task.h"

namespace relais::pickup {

// What tells a file from another one that gets its name or its inode.
struct FileKey {
    explicit FileKey(const struct stat& info)
        : inode(info.st_ino), seconds(info.st_mtim.tv_sec), nanoseconds(info.st_mtim.tv_nsec) {}

    FileKey(ino_t file, std::time_t second, long nanosecond)
        : inode(file), seconds(second), nanoseconds(nanosecond) {}

    auto operator<=>(const FileKey&) const = default;

    ino_t inode;
    std::time_t seconds;
    long nanoseconds;
};

class PassedOn {
  public:
    // `directory`: data_directory, or none; what earlier processes have noted there is taken over.
    // Fatal where that cannot be read: whose mail it is would come twice.
    explicit PassedOn(UniqueFd directory);

    int directory() const { return directory_.get(); }

    bool contains(const FileKey& key) const { return keys_.contains(key); }

    // Done when it is written and synced.  Where it cannot be written, which is logged, this
    // process alone knows of it.
    [[nodiscard]] Task<void> insert(FileKey key);
    void erase(const FileKey& key);

    // Of all files that are in maildrop: others have been removed by somebody else.
    void keep(const std::set<FileKey>& there);

  private:
    void load();
    void remove_unneeded() const;
    void take(std::string_view line);

    UniqueFd directory_;
    std::set<FileKey> keys_;
    Semaphore writing_{1};
};

}  // namespace relais::pickup
