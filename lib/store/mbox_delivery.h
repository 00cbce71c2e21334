// Appending to an mbox file, for local(8) and virtual(8): locked as mailbox_delivery_lock or
// virtual_mailbox_lock says, synced, and cut back to its old length when the write fails.
// Runs with the caller's effective uid and blocks.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/safe_open.h"
#include "lib/store/dot_lock.h"
#include "lib/store/file_sink.h"

namespace relais {

// The locks to take, all of them: the dot-lock first, then the locks on the open file.
struct MailboxLocks {
    bool dotlock = false;
    bool fcntl = false;
    bool flock = false;

    bool any() const { return dotlock || fcntl || flock; }
};

// Parses "fcntl, dotlock", the value of `parameter`; kSyntax names the word that is no lock.
[[nodiscard]] Result<MailboxLocks> parse_mailbox_locks(std::string_view parameter,
                                                       std::string_view text);

struct LockPatience {
    int attempts = 20;                      // deliver_lock_attempts
    std::chrono::milliseconds delay{1000};  // deliver_lock_delay
    std::chrono::seconds stale{500};        // stale_lock_time: an older lock file is removed
};

// PATH.lock.  One that outlives the patience gives Errc::kTemporary with sys_errno EEXIST.
[[nodiscard]] Result<DotLock> acquire_dot_lock(const std::string& path,
                                               const LockPatience& patience);

// What to do when the lock file cannot be made because the directory is not ours to write to.
enum class DotLockFailure { kFatal, kWarn };

enum class MboxKind { kRegularFile, kAnyFile };
enum class ExecutableFiles { kAllowed, kRefused };

struct MboxTarget {
    std::string path;
    MailboxLocks locks;
    LockPatience patience;
    std::optional<FileOwner> owner;  // of the file, when it has to be made
    unsigned mode = 0600;
    DotLockFailure dotlock_failure = DotLockFailure::kFatal;
    MboxKind kind = MboxKind::kAnyFile;
    ExecutableFiles executables = ExecutableFiles::kAllowed;
    std::optional<uid_t> must_belong_to{};  // strict_mailbox_ownership
};

struct OpenMbox {
    std::optional<DotLock> dot_lock;
    UniqueFd file;  // to append to; holds the other locks
    bool regular = false;
};

// Opened, made where it was not there, and locked.  Errors as those of deliver_mbox().
[[nodiscard]] Result<OpenMbox> open_mbox(const MboxTarget& target);

// Files that are no regular files (/dev/null, a terminal) are written without locks and sync.
// Errors: Errc::kTemporary: the mailbox is locked by somebody else; kDenied: refused for what it is
// now (links, owner); kCorrupt: no file to put mail into; kSystem: sys_errno tells.  `content`
// writes the message with its From_ line and quoting.
[[nodiscard]] Result<void> deliver_mbox(const MboxTarget& target, const ContentWriter& content);

}  // namespace relais
