#include "lib/deliver/identity.h"

#include <cerrno>
#include <cstring>

#include <grp.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "lib/base/log.h"

namespace relais {

namespace {

// The calls report no failure: a call with an impossible id tells the present one.
constexpr uid_t kNobodyAtAll = static_cast<uid_t>(-1);

bool is_now(FileOwner user) {
    return static_cast<uid_t>(::setfsuid(kNobodyAtAll)) == user.uid &&
           static_cast<gid_t>(::setfsgid(kNobodyAtAll)) == user.gid;
}

}  // namespace

FileIdentity::FileIdentity(FileOwner owner)
    : owner_(owner), current_{::geteuid(), ::getegid()}, privileged_(::geteuid() == 0) {
    if (!privileged_) {
        return;
    }
    if (::setgroups(0, nullptr) != 0) {
        log_fatal("setgroups: {}", std::strerror(errno));
    }
    be_owner();
    if (!is_now(owner_)) {
        log_fatal("cannot change to the identity of the mail system");
    }
}

void FileIdentity::become(FileOwner user) {
    if (!privileged_) {
        return;
    }
    // The group first: leaving uid 0 gives up nothing that setfsgid needs, but let nobody rely on
    // that.
    if (user.gid != current_.gid) {
        ::setfsgid(user.gid);
    }
    if (user.uid != current_.uid) {
        ::setfsuid(user.uid);
    }
    current_ = user;
}

}  // namespace relais
