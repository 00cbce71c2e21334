#include "lib/deliver/identity.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/format.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

constexpr FileOwner kOwner{65001, 65002};
constexpr FileOwner kUser{65003, 65004};

// The value of a line of /proc/thread-self/status, with single blanks.
std::string status_of(const std::string& name) {
    std::ifstream file("/proc/thread-self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(name + ":\t")) {
            return line.substr(name.size() + 2);
        }
    }
    return "";
}

// This thread's uids.
struct Ids {
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
};

Ids ids() {
    Ids now;
    ::getresuid(&now.real, &now.effective, &now.saved);
    return now;
}

// errno of kill(pid, 0) as `uid`.
int error_of_signal(uid_t uid) {
    pid_t parent = ::getpid();
    pid_t child = ::fork();
    if (child == 0) {
        bool became = ::setresuid(0, 0, 0) == 0 && ::setresuid(uid, uid, uid) == 0;
        ::_exit(!became ? 255 : ::kill(parent, 0) == 0 ? 0 : errno);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

}  // namespace

// In a child: ids are for good, or dropped groups at least.
template <class Body>
static int in_child(Body body) {
    pid_t child = ::fork();
    if (child == 0) {
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

TEST_CASE("deliver/identity: a user's turn leaves nothing of root's rights") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    int failed = in_child([] {
        FileIdentity identity(kOwner);
        if (ids().effective != kOwner.uid || ::getgroups(0, nullptr) != 0) {
            return 1;
        }
        ActingAs user(identity, kUser);
        Ids now = ids();
        if (now.real != 0 || now.effective != kUser.uid || now.saved != 0 ||
            ::getegid() != kUser.gid) {
            return 2;
        }
        // Files have the user's ids, too; no capability is in effect.
        if (status_of("Uid") != format("0\t{0}\t0\t{0}", kUser.uid)) {
            return 3;
        }
        return status_of("CapEff") == "0000000000000000" ? 0 : 4;
    });
    CHECK(failed == 0);
}

TEST_CASE("deliver/identity: afterwards mail_owner, and root's way to the next user") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    int failed = in_child([] {
        FileIdentity identity(kOwner);
        {
            ActingAs user(identity, kUser);
        }
        if (ids().effective != kOwner.uid || ::getegid() != kOwner.gid) {
            return 1;
        }
        {
            ActingAs root(identity, FileOwner{0, 0});
        }
        if (ids().effective != kOwner.uid || ::getegid() != kOwner.gid) {
            return 2;
        }
        identity.become(kUser);
        identity.become({kUser.uid, kOwner.gid});
        return ids().effective == kUser.uid && ::getegid() == kOwner.gid ? 0 : 3;
    });
    CHECK(failed == 0);
}

TEST_CASE("deliver/identity: the user's processes send no signals to one that acts for him") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    int failed = in_child([] {
        FileIdentity identity(kOwner);
        ActingAs user(identity, kUser);
        return error_of_signal(kUser.uid) == EPERM ? 0 : 1;
    });
    CHECK(failed == 0);
}

TEST_CASE("deliver/identity: other threads keep their ids") {
    if (::geteuid() != 0) {
        WARN("skipped: needs root");
        return;
    }
    int failed = in_child([] {
        uid_t helper = 1;
        FileIdentity identity(kOwner);
        std::atomic<int> step = 0;
        std::thread other([&] {
            step = 1;
            while (step != 2) {
                std::this_thread::yield();
            }
            helper = ids().effective;
        });
        while (step != 1) {
            std::this_thread::yield();
        }
        {
            ActingAs user(identity, kUser);
            step = 2;
            other.join();
        }
        return helper == kOwner.uid ? 0 : 1;
    });
    CHECK(failed == 0);
}
