// Runs a command that a message is delivered to, and says what its exit means for the recipient
// (BSD sysexits).  For agents that serve one request at a time.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "lib/base/safe_open.h"
#include "lib/event/child.h"
#include "lib/event/task.h"
#include "lib/mail/dsn.h"

namespace relais {

struct DeliveryCommand {
    std::string command;                   // as the alias or the parameter has it
    std::string shell;                     // where set, the command is always run by it
    std::vector<std::string> environment;  // NAME=value; all of it
    std::string directory;                 // empty: the current one
    FileOwner user;
    bool change_identity = true;
    int input = -1;  // the message, open for reading
    std::chrono::seconds limit{1000};
};

// The status of the recipient: "delivered to command: X" (2.0.0), or why not.
[[nodiscard]] Task<DeliveryStatus> run_delivery_command(DeliveryCommand command);

// What an exit status and the command's output mean.
[[nodiscard]] DeliveryStatus status_of_exit(const ChildStatus& exit, const std::string& command,
                                            const std::string& output);

// The words of a command that needs no shell; nothing where it has characters or words that only a
// shell understands.
[[nodiscard]] std::optional<std::vector<std::string>> words_of_command(const std::string& command);

}  // namespace relais
