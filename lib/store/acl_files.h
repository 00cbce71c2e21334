// Where access control lists lie: dovecot-acl in the mailbox's directory, and the administrator's
// file ("mailbox identifier rights") or directory (a file for each mailbox, .DEFAULT for those
// below).
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/loop.h"
#include "lib/store/acl.h"

namespace relais {

class AclFiles {
  public:
    static constexpr std::string_view kFileName = "dovecot-acl";

    // `global`: the administrator's file or directory; empty: none.
    explicit AclFiles(std::string global = {}) : global_(std::move(global)) {}

    // The list of the mailbox that clients call `name`, and that lies in `directory` (empty: it
    // does not exist).  What cannot be read, or makes no sense, is an error: nobody may do anything
    // then.
    [[nodiscard]] Result<AclList> load(const std::string& directory, std::string_view name) const;

    // Has the mailbox's own list changed, under its lock, and written where `change` returns true;
    // without entries the file goes.  `root` of the mailboxes: Dovecot's file dovecot-acl-list
    // there, which says where there are lists, is removed, so that Dovecot makes it anew.
    [[nodiscard]] static Task<Result<void>> change(std::string directory, std::string root,
                                                   unsigned mode,
                                                   std::function<bool(AclList&)> change);

  private:
    [[nodiscard]] Result<AclList> load_global(std::string_view name) const;

    std::string global_;
};

}  // namespace relais
