#include "lib/rules/user_access.h"

#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/maps/match_list.h"

namespace relais {

bool user_is_listed(std::string_view title, std::string_view list, uid_t uid) {
    // The default needs no table.
    if (uid == 0 || list == "static:anyone") {
        return true;
    }
    std::string name = user_name_of(uid);
    if (name == conf().mail_owner()) {
        return true;
    }
    MatchList users(std::string(title), list, MatchList::Kind::kString);
    switch (users.matches(name)) {
        case Match::kYes:
            return true;
        case Match::kNo:
            return false;
        case Match::kError:
            break;
    }
    log_fatal("{}: cannot look up user {}", title, name);
}

}  // namespace relais
