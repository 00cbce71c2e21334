// Follows annotations of a user's mailboxes and of his server, for NOTIFY (RFC 5465 5.6, 5.7): what
// has changed since the client was told last, whoever changed it.  Those of other users' mailboxes
// are not watched, nor those in directories that the user may not read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/access/annotations.h"
#include "lib/access/user.h"
#include "lib/access/watcher.h"
#include "lib/event/sync.h"

namespace relais {

class AnnotationWatch {
  public:
    // Announces `news` when there may be something to look at.
    AnnotationWatch(const User& user, Changes& news);

    bool active() const { return files_.empty() || watch_.active(); }

    // Reads everything; nothing of it counts as changed.
    [[nodiscard]] Result<void> begin();

    // What has changed.  Costs nothing where nothing has.
    [[nodiscard]] Result<std::vector<AnnotationKey>> look();

    // The client does this itself: it need not be told.
    void expect(const AnnotationScope& scope, const Annotation& change);

  private:
    using Entries = std::map<std::string, std::string, std::less<>>;

    [[nodiscard]] Result<Entries> read_files() const;
    void note(const DirectoryEvent& event);

    std::vector<std::string> files_;
    Changes& news_;
    DirectoryWatch watch_;
    Entries entries_;
    bool stale_ = false;
};

}  // namespace relais
