// Reads a queue directory, hashed or not: every single-character entry is a subdirectory, every
// other valid name a file.  In the order of the directories, unsorted, a file at a time, so that
// qmgr can scan a large queue between its other work.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <dirent.h>

#include "lib/base/result.h"

namespace relais {

class QueueScan {
  public:
    struct Entry {
        std::string name;  // usually a queue id: the caller checks
        std::string path;  // as found, which postsuper compares with where it belongs
        ino_t inode = 0;
        unsigned char type = DT_UNKNOWN;  // as the directory says: DT_REG, DT_DIR, ...
    };

    // `queue` is a directory relative to queue_directory.
    static Result<QueueScan> open(const std::string& queue);

    // Nothing at the end.  Directories that vanish meanwhile are skipped, and those that cannot be
    // read, which troubles() has.
    std::optional<Entry> next();

    const std::vector<Error>& troubles() const { return troubles_; }

  private:
    struct CloseDirectory {
        void operator()(DIR* directory) const { ::closedir(directory); }
    };

    struct Level {
        std::string path;
        std::unique_ptr<DIR, CloseDirectory> directory;
    };

    QueueScan() = default;
    Result<void> enter(std::string path);

    std::vector<Level> levels_;
    std::vector<Error> troubles_;
};

}  // namespace relais
