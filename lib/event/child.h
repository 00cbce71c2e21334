// Child processes: started from an argument vector (never a shell), waited for on the loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/loop.h"

namespace relais {

struct ChildSpec {
    std::vector<std::string> argv;         // argv[0] is the path
    std::vector<std::string> environment;  // NAME=value; all of it
    std::string directory;                 // empty: unchanged
    int input = -1;                        // descriptors for 0, 1 and 2; -1: /dev/null
    int output = -1;
    int error = -1;
    std::optional<uid_t> uid;  // full change of identity where given
    std::optional<gid_t> gid;
    bool own_group = false;  // its own process group, so that all of it can be killed
    // start() waits until the program runs, and tells what keeps it from running: kDenied, as one
    // of the texts below.  Without this, the child ends with status 126 or 127.
    bool wait_for_program = false;
};

// How a child ended: exited with a status, or by a signal.
struct ChildStatus {
    int exit_status = 0;
    int signal = 0;

    bool ok() const { return exit_status == 0 && signal == 0; }
};

class Child {
  public:
    // "execvp PATH: why", "cannot change directory to "PATH" for uid=1 gid=1: why".
    static Result<Child> start(const ChildSpec& spec);

    pid_t pid() const { return pid_; }

    // Waits until the child has ended.  TimedOut leaves it running.
    [[nodiscard]] Task<ChildStatus> wait(Deadline deadline = {});

    void kill(int signal_number) const;
    void kill_group(int signal_number) const;

  private:
    Child(pid_t pid, UniqueFd pidfd, std::optional<uid_t> uid)
        : pid_(pid), pidfd_(std::move(pidfd)), uid_(uid) {}

    void signal(pid_t target, int signal_number) const;

    pid_t pid_;
    UniqueFd pidfd_;
    std::optional<uid_t> uid_;  // whom it runs as, where it was told
};

}  // namespace relais
