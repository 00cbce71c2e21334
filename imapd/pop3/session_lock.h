// pop3_lock_session: one POP3 session of a user at a time, with Dovecot's lock file, so that its
// sessions count as well.
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/event/task_group.h"
#include "lib/store/dot_lock.h"

namespace relais {

class SessionLock {
  public:
    // `directory` is that of INBOX.
    explicit SessionLock(const std::string& directory)
        : path_(directory + "/dovecot-pop3-session.lock") {}

    // kTemporary while another session has it.
    [[nodiscard]] Task<Result<void>> acquire();

    // Before the end: nothing refreshes it any longer.
    [[nodiscard]] Task<void> release();

  private:
    [[nodiscard]] Task<void> keep_fresh();

    std::string path_;
    std::optional<DotLock> lock_;
    TaskGroup beside_;
};

}  // namespace relais
