// Acting on the file system as a mailbox's owner, for agents that serve one request at a time.
//
// The process keeps root's identity and changes only the one that the kernel checks files with
// (setfsuid): two system calls for a change instead of four, and none where it is right already.
// An instance that an ordinary user runs stays that user everywhere.
#pragma once

#include <optional>

#include <sys/types.h>

#include "lib/base/safe_open.h"

namespace relais {

class FileIdentity {
  public:
    // Drops all supplementary groups and becomes `owner` (mail_owner): the identity for queue
    // files and sockets.
    explicit FileIdentity(FileOwner owner);

    void be_owner() { become(owner_); }

    void become(FileOwner user);

    FileOwner current() const { return current_; }

    // False: nothing is changed, ever.
    bool privileged() const { return privileged_; }

  private:
    FileOwner owner_;
    FileOwner current_;
    bool privileged_;
};

// A user's identity for one block; mail_owner's afterwards.
class ActingAs {
  public:
    ActingAs(FileIdentity& identity, FileOwner user) : identity_(identity) {
        identity_.become(user);
    }

    ~ActingAs() { identity_.be_owner(); }

    ActingAs(const ActingAs&) = delete;
    ActingAs& operator=(const ActingAs&) = delete;

  private:
    FileIdentity& identity_;
};

}  // namespace relais
