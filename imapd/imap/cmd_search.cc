// SEARCH.  RFC 3501 6.4.4, RFC 4731 (ESEARCH), RFC 5182 (SEARCHRES), RFC 9394 (PARTIAL),
// RFC 5267 (CONTEXT)
#include "imapd/imap/commands.h"
#include "imapd/imap/message_limit.h"
#include "imapd/imap/search_run.h"

namespace relais {

Task<Reply> cmd_search(Session& session, Command& command) {
    if (!command.arguments.space()) {
        co_return bad_arguments(command);
    }
    auto returns = imap::parse_search_return(command.arguments);
    if (!returns) {
        co_return bad_arguments(command, returns.error().message);
    }
    imap::Scanner scanner = command.arguments;
    if (session.enabled.utf8 && scanner.accept_word("CHARSET")) {
        co_return bad_arguments(command,
                                "UTF-8 is enabled: no CHARSET may be named.");  // RFC 6855 3
    }
    auto key = imap::parse_search(command.arguments);
    if (!key) {
        co_return search_refusal(session, command, *returns, key.error());
    }
    auto with_modseq = prepare_search(session, command, *returns, *key);
    if (!with_modseq) {
        co_return with_modseq.error();
    }
    auto context = begin_context(session, command, *returns, *key);
    auto found = co_await find_messages(session, std::move(*key), command.tag);
    session.selected->mailbox().cache.flush();
    tell_results(session, command, *returns, found.uids, *with_modseq);
    keep_context(session, std::move(context), std::move(found.uids),
                 found.stopped_at ? Complete::kNo : Complete::kYes);
    co_return CutToLimit(found.stopped_at).mark(session, Reply::ok("Search completed."));
}

// RFC 5267 4.3.5
Task<Reply> cmd_cancelupdate(Session& session, Command& command) {
    std::vector<std::string> tags;
    while (command.arguments.space()) {
        auto tag = command.arguments.string();
        if (!tag) {
            co_return bad_arguments(command);
        }
        tags.push_back(std::move(*tag));
    }
    if (tags.empty() || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    for (const std::string& tag : tags) {
        if (!session.contexts.cancel(tag)) {
            co_return Reply::no("Unknown tag.");
        }
    }
    co_return Reply::ok("No further updates.");
}

}  // namespace relais
