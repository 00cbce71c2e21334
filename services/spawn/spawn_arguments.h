// What master.cf says behind "spawn": user=name[:group] argv=command arguments...
// "user=*:group" stands for whoever connects, with this group in place of his own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/safe_open.h"

namespace relais::spawn {

struct SpawnArguments {
    std::vector<std::string> command;
    std::optional<FileOwner> user;  // nothing: this process may be nobody else
    bool as_caller = false;         // user=*: `user` has the group alone
};

// The error has Postfix's words.  Root, mail_owner and privileged groups are refused; where the
// process cannot change its identity (an ordinary user's instance) the accounts need only exist.
[[nodiscard]] Result<SpawnArguments> parse_arguments(const std::vector<std::string>& words);

}  // namespace relais::spawn
