// The commands of quota_warnings: run as the mailbox's owner, without a shell, and waited for.
#pragma once

#include <string>
#include <vector>

#include "lib/event/task_group.h"

namespace relais {

class QuotaCommands {
  public:
    // `argv` with its % variables, which stand for parts of the user's name.
    void start(const std::vector<std::string>& argv, const std::string& user);

    // Until they have ended; each has a time limit.
    [[nodiscard]] Task<void> join() { return running_.join(); }

  private:
    TaskGroup running_;
};

}  // namespace relais
