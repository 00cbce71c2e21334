// relais.keywords in the directory of our own files: the keywords of messages for which a Maildir
// has no letter, since its 26 stand for others.  A line for each message that has some:
//     <base name of its file> TAB <keyword> ...
// Replaced as a whole, under the lock of the uidlist.  A base name is that of one message for ever,
// so that lines survive new UIDs; those of messages that are gone are dropped when they are many,
// or have names for which others have no room.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mail_message.h"
#include "lib/store/uidlist.h"

namespace relais {

// Keywords as a change of them leaves them; names are the same without regard to case.
[[nodiscard]] std::vector<std::string> changed_keywords(std::vector<std::string> old,
                                                        FlagChange how,
                                                        const std::vector<std::string>& by);

struct WithoutCase {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
};

class MoreKeywords {
  public:
    static constexpr std::string_view kFileName = "relais.keywords";
    static constexpr std::size_t kMostNames = 200;  // of a mailbox
    static constexpr std::size_t kLongestName = 255;

    using Names = std::vector<std::string>;
    using NameSet = std::set<std::string, WithoutCase>;
    using Bases = std::set<std::string, std::less<>>;

    // What is to become of the keywords of some messages, whatever they are by then.
    struct Change {
        std::vector<std::string> bases;
        FlagChange how = FlagChange::kReplace;
        Names keywords;
    };

    // Of the messages that there are, for who needs room.
    struct Census {
        std::size_t most_lines = 0;                   // where there are more, some are of no use
        std::function<std::optional<Bases>()> bases;  // nothing: not known
    };

    // Without a file there are none.  Lines that make no sense count for nothing.
    [[nodiscard]] static Result<MoreKeywords> load(const std::string& directory);
    [[nodiscard]] static MoreKeywords parse(std::string_view text);
    std::string to_string() const;

    // Makes these changes here and in the file, of which this is what it says now: the lock is
    // held.  Names for which there is no room are left out.  Gives the messages whose keywords are
    // others now.
    [[nodiscard]] Result<Bases> change(const std::string& directory, unsigned mode,
                                       const std::vector<Change>& changes, const Census& census);

    const Names& of(std::string_view base) const;

    // The messages that have others there.
    Bases differing(const MoreKeywords& other) const;

    // All that some message has, each once.
    const NameSet& names() const { return known_; }

    // Those of the names that messages can get: as many as there is room for, the first first.
    NameSet with_room(const Names& wanted) const;

    // Of the file; all zero when there is none.
    const FileStamp& stamp() const { return stamp_; }

  private:
    using Entries = std::map<std::string, Names, std::less<>>;  // by base name

    bool is_crowded(const Names& wanted, std::size_t most_lines) const;
    void drop_others(const Bases& there);
    void apply(const Change& change, const NameSet& fitting, Bases& changed);
    void note_names();

    Entries entries_;
    NameSet known_;
    FileStamp stamp_;
};

}  // namespace relais
