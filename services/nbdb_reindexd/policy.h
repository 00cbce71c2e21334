// Which tables may be built, as whom, and with which command.  The safety policy of
// nbdb_reindexd(8) is here: a daemon that was taken over must not use this service to write where
// it could not.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "lib/base/result.h"
#include "lib/maps/registry.h"

namespace relais::nbdb {

struct Job {
    std::string command;  // postmap or postalias
    std::string table;    // type:name in the new type
    uid_t uid = 0;        // the owner of the old table
    gid_t gid = 0;
};

// What is to be done for a request.  Nothing, when the new table is there already.
[[nodiscard]] Result<std::optional<Job>> plan(const TableReference& legacy);

}  // namespace relais::nbdb
