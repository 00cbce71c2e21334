// UIDBATCHES: the UIDs of the selected mailbox in ranges of equally many messages.  RFC 10022
#include <algorithm>

#include "lib/base/format.h"
#include "lib/imap/format.h"
#include "lib/imap/uid_batches.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/message_limit.h"

namespace relais {

namespace {

// Smaller batches than those that the RFC lets servers refuse make long answers.  Where fewer
// messages are the most for a command, batches of so many are of use.
std::uint32_t smallest_batch() {
    constexpr std::uint32_t kSmallest = 500;
    const std::size_t limit = message_limit();
    return limit == 0 ? kSmallest
                      : static_cast<std::uint32_t>(std::min<std::size_t>(kSmallest, limit));
}

}  // namespace

Task<Reply> cmd_uidbatches(Session& session, Command& command) {
    imap::Scanner& scanner = command.arguments;
    auto wanted = scanner.space() ? imap::parse_uid_batches(scanner) : std::nullopt;
    if (!wanted || !scanner.at_end()) {
        co_return bad_arguments(command);
    }
    if (wanted->size < smallest_batch()) {
        co_return Reply::no(
            format("[TOOSMALL] Batches have at least {} messages.", smallest_batch()));
    }
    std::string line = "* UIDBATCHES (TAG ";
    imap::append_string(line, command.tag);
    const std::string batches = imap::format_uid_batches(*wanted, session.selected->present());
    session.stream.write(line + (batches.empty() ? ")" : ") ") + batches + "\r\n");
    co_return Reply::ok("Uidbatches completed.");
}

}  // namespace relais
