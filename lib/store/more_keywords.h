// relais.keywords in the directory of our own files: the keywords of messages for which a Maildir
// has no letter, since its 26 stand for others.  A line for each message that has some:
//     <base name of its file> TAB <keyword> ...
// Replaced as a whole, under the lock of the uidlist.  A base name is that of one message for ever,
// so that lines of messages that are gone harm nobody, and those of others survive new UIDs.
#pragma once

#include <map>
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

class MoreKeywords {
  public:
    static constexpr std::string_view kFileName = "relais.keywords";
    static constexpr std::size_t kMostNames = 200;  // of a mailbox
    static constexpr std::size_t kLongestName = 255;

    using Names = std::vector<std::string>;
    using Bases = std::set<std::string, std::less<>>;

    // What is to become of the keywords of some messages, whatever they are by then.
    struct Change {
        std::vector<std::string> bases;
        FlagChange how = FlagChange::kReplace;
        Names keywords;
    };

    // Without a file there are none.  Lines that make no sense count for nothing.
    [[nodiscard]] static Result<MoreKeywords> load(const std::string& directory);
    [[nodiscard]] static MoreKeywords parse(std::string_view text);
    std::string to_string() const;

    // Makes these changes here and in the file, of which this is what it says now: the lock is
    // held. Gives the messages whose keywords are others now.
    [[nodiscard]] Result<Bases> change(const std::string& directory, unsigned mode,
                                       const std::vector<Change>& changes);

    const Names& of(std::string_view base) const;

    // All that some message has, each once.
    Names names() const;

    // Those of the names that a message can get: as many as there is room for.
    Names with_room(Names wanted) const;

    // Of the file; all zero when there is none.
    const FileStamp& stamp() const { return stamp_; }

  private:
    void apply(const Change& change, Bases& changed);

    std::map<std::string, Names, std::less<>> entries_;  // by base name
    FileStamp stamp_;
};

}  // namespace relais
