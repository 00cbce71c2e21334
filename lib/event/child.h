// Child processes: started from an argument vector (never a shell), waited for on the loop.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/loop.h"

namespace relais {

struct ChildSpec {
    std::vector<std::string> argv;
    std::string program;                   // the path; empty: argv[0]
    std::vector<std::string> environment;  // NAME=value; all of it
    std::string root;                      // chroot(2) before all else; empty: none
    std::string directory;                 // empty: unchanged
    int input = -1;                        // descriptors for 0, 1 and 2; -1: /dev/null
    int output = -1;
    int error = -1;
    // Full change of identity where given; else the child is whom its parent is acting as.
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    bool own_group = false;  // its own process group, so that all of it can be killed
    // The child tells what keeps the program from running: Child::failure().
    bool reports_failure = false;
};

// How a child ended: exited with a status, or by a signal.
struct ChildStatus {
    int exit_status = 0;
    int signal = 0;

    bool ok() const { return exit_status == 0 && signal == 0; }
};

// How often to try where the system has no process to spare just now, and the pause between.
struct ForkPatience {
    int attempts = 1;
    std::chrono::milliseconds delay{1000};
};

class Child {
  public:
    // As start(), patiently: each failed attempt is logged.
    [[nodiscard]] static Task<Result<Child>> start(ChildSpec spec, ForkPatience patience);

    static Result<Child> start(const ChildSpec& spec);

    pid_t pid() const { return pid_; }

    // Waits until the child has ended.  TimedOut leaves it running.
    [[nodiscard]] Task<ChildStatus> wait(Deadline deadline = {});

    // Why a child of this spec, with reports_failure, has ended before it was the program, with
    // status 126 or 127; nothing where it was.  The code is kDenied; the texts are "execvp PATH:
    // reason", "chroot(PATH): reason", "cannot change directory to "PATH" for uid=1 gid=1: reason".
    [[nodiscard]] std::optional<Error> failure(const ChildSpec& spec) const;

    void kill(int signal_number) const;
    void kill_group(int signal_number) const;

  private:
    Child(pid_t pid, UniqueFd pidfd, UniqueFd report, std::optional<uid_t> uid)
        : pid_(pid), pidfd_(std::move(pidfd)), report_(std::move(report)), uid_(uid) {}

    void signal(pid_t target, int signal_number) const;

    pid_t pid_;
    UniqueFd pidfd_;
    UniqueFd report_;           // where the child says what kept it from being the program
    std::optional<uid_t> uid_;  // whom it runs as, where it was told
};

// The scheduling policy (sched(7)) of children that start from now on; without it, this process's.
void set_child_policy(int policy);

}  // namespace relais
