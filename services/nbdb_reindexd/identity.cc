#include "services/nbdb_reindexd/identity.h"

#include <cerrno>
#include <cstring>

#include <grp.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/daemon/privileges.h"

namespace relais::nbdb {

namespace {

// The group changes with root's rights only.
void change(uid_t uid, gid_t gid) {
    if (::seteuid(0) != 0 || ::setegid(gid) != 0 || ::setgroups(1, &gid) != 0 ||
        ::seteuid(uid) != 0) {
        log_fatal("change to uid {}, gid {}: {}", uid, gid, std::strerror(errno));
    }
}

}  // namespace

void become_mail_owner() {
    if (!can_change_identity()) {
        return;
    }
    auto owner = user_ids(conf().mail_owner());
    if (!owner) {
        log_fatal("{}", owner.error().message);
    }
    change(owner->uid, owner->gid);
}

ActingAs::ActingAs(uid_t uid, gid_t gid)
    : active_(can_change_identity()), uid_before_(::geteuid()), gid_before_(::getegid()) {
    if (active_) {
        change(uid, gid);
    }
}

ActingAs::~ActingAs() {
    if (active_) {
        change(uid_before_, gid_before_);
    }
}

}  // namespace relais::nbdb
