// The SMTP commands: their table, and one function each in cmd_*.cc.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "lib/event/task.h"
#include "lib/smtp/command_line.h"

namespace relais::smtpd {

class Session;

// kFailed counts as one of the client's errors; kNewSession as neither good nor bad.
enum class Outcome { kDone, kFailed, kNewSession };

// What a command is given; it lives as long as the command's task.
struct CommandInput {
    const smtp::CommandLine& line;
    std::string_view text;  // the whole line as it came
};

using Command = Task<Outcome> (*)(Session&, const CommandInput&);

enum CommandTraits : unsigned {
    kJunk = 1,    // counts against smtpd_junk_command_limit
    kPreTls = 2,  // allowed before STARTTLS where TLS is required
    kLast = 4,    // nothing may be pipelined behind it (RFC 2920 3.1)
};

struct CommandInfo {
    std::string_view name;
    std::string_view log_name;  // in the summary at disconnect
    Command run = nullptr;      // null: not available
    unsigned traits = 0;
};

// In the order of the summary.
std::span<const CommandInfo> command_table();

// Its place in the table; the last entry stands for unknown commands.
std::size_t find_command(std::string_view verb);

inline constexpr std::size_t kCommands = 17;

struct CommandCount {
    int total = 0;
    int good = 0;
};

using CommandCounts = std::array<CommandCount, kCommands>;

// "ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4": what disconnect lines end with.
std::string command_summary(const CommandCounts& counts);

Task<Outcome> cmd_helo(Session& session, const CommandInput& input);
Task<Outcome> cmd_ehlo(Session& session, const CommandInput& input);
Task<Outcome> cmd_xclient(Session& session, const CommandInput& input);
Task<Outcome> cmd_xforward(Session& session, const CommandInput& input);
Task<Outcome> cmd_starttls(Session& session, const CommandInput& input);
Task<Outcome> cmd_auth(Session& session, const CommandInput& input);
Task<Outcome> cmd_mail(Session& session, const CommandInput& input);
Task<Outcome> cmd_rcpt(Session& session, const CommandInput& input);
Task<Outcome> cmd_data(Session& session, const CommandInput& input);
Task<Outcome> cmd_bdat(Session& session, const CommandInput& input);
Task<Outcome> cmd_rset(Session& session, const CommandInput& input);
Task<Outcome> cmd_noop(Session& session, const CommandInput& input);
Task<Outcome> cmd_vrfy(Session& session, const CommandInput& input);
Task<Outcome> cmd_etrn(Session& session, const CommandInput& input);
Task<Outcome> cmd_quit(Session& session, const CommandInput& input);
Task<Outcome> cmd_help(Session& session, const CommandInput& input);

}  // namespace relais::smtpd
