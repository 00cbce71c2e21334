// Dovecot's dovecot-keywords: the names behind the keyword letters a to z of Maildir file names.
//     <0..25> <name>
// Replaced by rename, under the lock of the uidlist; readers look at the modification time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/maildir_name.h"
#include "lib/store/uidlist.h"

namespace relais {

class KeywordFile {
  public:
    static constexpr std::string_view kFileName = "dovecot-keywords";

    [[nodiscard]] static Result<KeywordFile> load(const std::string& directory);

    // Its number, compared without regard to case.
    std::optional<int> find(std::string_view name) const;
    // The number of a name that is there or is added now (in memory only); nothing when all 26
    // letters are taken.
    std::optional<int> find_or_add(std::string_view name);
    // Letters that occur in file names but have no name get the one in `known`, where nothing else
    // has that, or a new one.  True when there were any.
    bool name_letters(std::uint32_t letters, const KeywordFile& known);

    // The letters of those of the names that are there, as bits.
    std::uint32_t letters_of(const std::vector<std::string>& names) const;

    std::string_view name(int number) const { return names_[static_cast<std::size_t>(number)]; }

    // All names, in the order of their numbers.
    std::vector<std::string> names() const;

    bool full() const;

    // Of the file; all zero when there is none.
    const FileStamp& stamp() const { return stamp_; }

    // Writes the file anew; the lock is held.
    [[nodiscard]] Result<void> write(const std::string& directory, unsigned mode);

  private:
    std::array<std::string, kMaxKeywords> names_;
    FileStamp stamp_;
};

}  // namespace relais
