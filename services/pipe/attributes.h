// What master.cf says behind "pipe": flags=... user=... argv=command arguments...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/safe_open.h"

namespace relais::pipe_agent {

// flags=, a bit for each letter.
enum Flag : unsigned {
    kEmptyLine = 1,         // B: at the end
    kDeliveredTo = 2,       // D: the header; mail that has it already is not delivered
    kFromLine = 4,          // F
    kOriginalTo = 8,        // O: X-Original-To
    kReturnPath = 16,       // R
    kFinalDelivery = 32,    // X: notifications of success say "delivered", not "relayed"
    kFoldDomains = 64,      // h: in the command line
    kQuoteLocals = 128,     // q: in the command line
    kFoldLocals = 256,      // u: in the command line
    kQuoteDots = 512,       // .: in the message
    kQuoteFromLines = 1024  // >: in the message
};

struct PipeAttributes {
    std::vector<std::string> command;  // with its macros
    std::optional<FileOwner> user;     // nothing: this process may be nobody else
    unsigned flags = 0;
    std::string root;
    std::string directory;
    std::string end_of_line = "\n";
    std::string null_sender = "MAILER-DAEMON";
    std::int64_t size_limit = 0;  // bytes; 0: none

    bool has(Flag flag) const { return (flags & flag) != 0; }
};

// The error has Postfix's words.  Root, mail_owner and privileged groups are refused; where the
// process cannot change its identity (an ordinary user's instance) the accounts need only exist.
[[nodiscard]] Result<PipeAttributes> parse_attributes(const std::vector<std::string>& words);

}  // namespace relais::pipe_agent
