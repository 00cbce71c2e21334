// The table of commands: see the header.
#include "smtpd/commands.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::smtpd {
namespace {

constexpr std::array<CommandInfo, kCommands> kTable = {{
    {"HELO", "helo", cmd_helo, kJunk | kPreTls | kLast},
    {"EHLO", "ehlo", cmd_ehlo, kJunk | kPreTls | kLast},
    {"XCLIENT", "xclient", cmd_xclient, kJunk},
    {"XFORWARD", "xforward", cmd_xforward, kJunk},
    {"STARTTLS", "starttls", cmd_starttls, kPreTls},
    {"AUTH", "auth", cmd_auth, 0},
    {"MAIL", "mail", cmd_mail, 0},
    {"RCPT", "rcpt", cmd_rcpt, 0},
    {"DATA", "data", cmd_data, kLast},
    {"BDAT", "bdat", cmd_bdat, 0},
    {"RSET", "rset", cmd_rset, kJunk},
    {"NOOP", "noop", cmd_noop, kJunk | kPreTls | kLast},
    {"VRFY", "vrfy", cmd_vrfy, kJunk | kLast},
    {"ETRN", "etrn", cmd_etrn, kJunk},
    {"QUIT", "quit", cmd_quit, kPreTls},
    {"HELP", "help", cmd_help, kJunk},
    {"", "unknown", nullptr, 0},
}};

void append_count(std::string& out, std::string_view name, const CommandCount& count) {
    out += out.empty() ? "" : " ";
    out += count.good == count.total ? format("{}={}", name, count.total)
                                     : format("{}={}/{}", name, count.good, count.total);
}

}  // namespace

std::span<const CommandInfo> command_table() {
    return kTable;
}

std::size_t find_command(std::string_view verb) {
    std::size_t i = 0;
    while (i + 1 < kTable.size() && !iequals(kTable[i].name, verb)) {
        ++i;
    }
    return i;
}

std::string command_summary(const CommandCounts& counts) {
    std::string out;
    CommandCount all;
    for (std::size_t i = 0; i < kTable.size(); ++i) {
        if (counts[i].total > 0) {
            append_count(out, kTable[i].log_name, counts[i]);
            all.total += counts[i].total;
            all.good += counts[i].good;
        }
    }
    if (all.total > 0) {
        append_count(out, "commands", all);
        return out;
    }
    return "commands=0/0";
}

}  // namespace relais::smtpd
