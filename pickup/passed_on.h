// Messages that are cleanup's already, and whose files in maildrop cannot be removed: no pickup,
// nor the next one, may bring them once more.  They stand in a file of data_directory, one to a
// line
// ("INODE SECONDS NANOSECONDS", the time of the last change), which is there only while there are
// such messages.
#pragma once

#include <compare>
#include <ctime>
#include <set>
#include <string_view>

#include <sys/stat.h>

#include "lib/base/unique_fd.h"

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
    // `directory`: data_directory; what earlier processes have noted there is taken over.
    explicit PassedOn(UniqueFd directory);

    int directory() const { return directory_.get(); }

    bool contains(const FileKey& key) const { return keys_.contains(key); }

    // Where it cannot be written, which is logged, this process alone knows of it.
    void insert(const FileKey& key);
    void erase(const FileKey& key);

  private:
    void load();
    void take(std::string_view line);

    UniqueFd directory_;
    std::set<FileKey> keys_;
};

}  // namespace relais::pickup
