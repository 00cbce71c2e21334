#include "lib/deliver/identity.h"

#include <cerrno>
#include <cstring>

#include <grp.h>
#include <unistd.h>

#include "lib/base/effective_ids.h"
#include "lib/base/log.h"

namespace relais {

FileIdentity::FileIdentity(FileOwner owner)
    : owner_(owner), current_{::geteuid(), ::getegid()}, privileged_(::geteuid() == 0) {
    if (!privileged_) {
        return;
    }
    if (::setgroups(0, nullptr) != 0) {
        log_fatal("setgroups: {}", std::strerror(errno));
    }
    be_owner();
}

void FileIdentity::become(FileOwner user) {
    if (!privileged_ || (user.uid == current_.uid && user.gid == current_.gid)) {
        return;
    }
    // Groups and other users' ids can be taken on as root only.
    bool done = current_.uid == 0 || set_effective_uid(0);
    done = done && (user.gid == current_.gid || set_effective_gid(user.gid));
    done = done && (user.uid == 0 || set_effective_uid(user.uid));
    if (!done) {
        log_fatal("cannot become uid={} gid={}: {}", user.uid, user.gid, std::strerror(errno));
    }
    current_ = user;
}

}  // namespace relais
