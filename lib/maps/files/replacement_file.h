// A new table file that takes the old one's place.  It grows beside the old one, under the old
// one's ownership and permissions, so that readers see one or the other, whole, and a build that is
// killed leaves the old one.  Two builds of the same table go one after the other.
//
// Also what all tables in files share: locks, and the remark about a source that is newer.
#pragma once

#include <string>

#include <sys/stat.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace relais {

class ReplacementFile {
  public:
    ReplacementFile() = default;
    ReplacementFile(ReplacementFile&&) = default;
    ReplacementFile& operator=(ReplacementFile&&) = default;
    // Takes back what was not committed.
    ~ReplacementFile();

    // What to do where the directory may not be written, but the table may: fail, or overwrite the
    // table under an exclusive flock(2), which its readers must heed.
    enum class InPlace { kNever, kIfItMust };

    // `path` is the table's file; where it is a link, its target is what is replaced.
    [[nodiscard]] static Result<ReplacementFile> open(const std::string& path, InPlace in_place);

    // Where to write: an empty file.
    const std::string& path() const { return writes_; }

    int fd() const { return file_.get(); }

    // What was written is on disk, and from now on the table.
    [[nodiscard]] Result<void> commit();

  private:
    [[nodiscard]] Result<void> open_beside();
    [[nodiscard]] Result<void> claim(int fd);
    [[nodiscard]] Result<void> copy_ownership(const UniqueFd& old);
    [[nodiscard]] Result<void> set_default_mode();

    std::string name_;    // as the caller calls it
    std::string target_;  // the table
    std::string writes_;  // the file beside it; the table itself where that cannot be
    UniqueFd file_;
};

// flock(2) on the whole file; 0 or the error number.
int lock_whole_file(int fd, int operation);

// "database X is older than source file Y", where the source has been so for a while.
void warn_if_outdated(const std::string& path, const std::string& source, const struct stat& table);

}  // namespace relais
