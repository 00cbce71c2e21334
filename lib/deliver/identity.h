// Acting as a mailbox's owner, for agents that serve one request at a time.
//
// The effective ids become the user's, and with them every capability goes: what the kernel asks
// of a file's path, of /proc, of quotas, it asks of the user.  (The id for files alone would not
// do: /proc and quotas ask for capabilities that it leaves.)  Real and saved uid stay root's: they
// are the way back, and keep signals, ptrace and limits of the user's other processes away from
// this one.  Three system calls for a change, none where it is right already.  An instance that an
// ordinary user runs stays that user everywhere.
#pragma once

#include <optional>

#include <sys/types.h>

#include "lib/base/safe_open.h"

namespace relais {

class FileIdentity {
  public:
    // Drops all supplementary groups, for good: a user acts with the group of his account only, as
    // with Postfix.  Becomes `owner` (mail_owner): the identity for queue files and sockets.
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

// A user's identity for one block, or one user's after the other; mail_owner's afterwards.
class ActingAs {
  public:
    ActingAs(FileIdentity& identity, FileOwner user) : identity_(identity) {
        identity_.become(user);
    }

    // Keeps mail_owner's until told otherwise.
    explicit ActingAs(FileIdentity& identity) : identity_(identity) {}

    ~ActingAs() { identity_.be_owner(); }

    void become(FileOwner user) { identity_.become(user); }

    ActingAs(const ActingAs&) = delete;
    ActingAs& operator=(const ActingAs&) = delete;

  private:
    FileIdentity& identity_;
};

}  // namespace relais
