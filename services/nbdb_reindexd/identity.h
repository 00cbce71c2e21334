// Whose files this process may touch: mail_owner's, but for the blocks that say otherwise.
#pragma once

#include <sys/types.h>

namespace relais::nbdb {

// For good, until a block below: what the process does outside of one needs no rights.
void become_mail_owner();

// Another effective identity for one block.  Without privileges it changes nothing.
class ActingAs {
  public:
    ActingAs(uid_t uid, gid_t gid);
    ~ActingAs();
    ActingAs(const ActingAs&) = delete;
    ActingAs& operator=(const ActingAs&) = delete;

  private:
    bool active_;
    uid_t uid_before_;
    gid_t gid_before_;
};

}  // namespace relais::nbdb
