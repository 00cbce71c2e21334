// Delivery to a command: the message on its standard input, its exit status (sysexits.h) and what
// it prints as the outcome.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/safe_open.h"
#include "lib/deliver/delivery.h"
#include "lib/deliver/message_copy.h"

namespace relais {

struct CommandSpec {
    std::string command;                   // run directly where it needs no shell
    std::string shell;                     // instead of /bin/sh -c; takes the command as one word
    std::vector<std::string> argv;         // what is run instead; the command is only its name
    std::string root;                      // chroot(2) first; empty: none
    std::vector<std::string> environment;  // NAME=value, all of it
    std::string directory;                 // empty: the queue directory
    std::optional<FileOwner> user;         // whom to run as; nothing: as this process
    std::chrono::milliseconds time_limit{};
    MessageCopy copy;
};

// A success has what the command printed as its reason: the agent says how it calls it.
[[nodiscard]] Task<DeliveryStatus> deliver_to_command(Delivery* delivery, CommandSpec spec);

// What became of a command, from its end and its output.
enum class CommandEnd { kExited, kKilled, kTooLate };

struct CommandResult {
    CommandEnd end = CommandEnd::kExited;
    int number = 0;  // exit status or signal
    std::string output;
    bool cut_off = false;  // it printed far more than anybody reads
};

[[nodiscard]] DeliveryStatus command_status(const std::string& command,
                                            const CommandResult& result);

// The variables that export_environment names, with their present values.
[[nodiscard]] std::vector<std::string> exported_environment();

}  // namespace relais
