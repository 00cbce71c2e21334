// Commands on users' mail that run at a doveadm server (-S), whose tables are printed here.
#pragma once

#include <string>
#include <vector>

#include "tools/doveadm/mail_command.h"

namespace relais::doveadm {

struct ServerJob {
    const Command& command;
    const OptionWords& options;
    const Globals& globals;
    const MailCommand& mail_command;
    const std::vector<std::string>& users;
    bool names_user;      // in front of each row
    std::size_t columns;  // without that
};

// One after the other; the exit status of the last that failed.
[[nodiscard]] int run_at_server(const ServerJob& job, Printer& printer);

}  // namespace relais::doveadm
