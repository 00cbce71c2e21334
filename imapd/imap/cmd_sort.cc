// SORT and THREAD.  RFC 5256, RFC 5957 (SORT=DISPLAY), RFC 5267 2 (ESORT)
#include "lib/imap/sort_program.h"
#include "lib/imap/thread.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/message_limit.h"
#include "imapd/imap/progress.h"
#include "imapd/imap/search_run.h"
#include "imapd/imap/sort_run.h"

namespace relais {

namespace {

// "UTF-8 ALL": the character set and the search keys, which both commands end with.
Result<imap::SearchKey> parse_program(imap::Scanner& scanner) {
    auto charset = scanner.space() ? scanner.astring() : std::nullopt;
    if (!charset || charset->empty() || !scanner.space()) {
        return fail(Errc::kSyntax, "Missing search parameters");
    }
    return imap::parse_search_keys(scanner, *charset);
}

Task<std::string> thread_text(Session& session, const Command& command,
                              imap::ThreadAlgorithm algorithm, std::vector<std::uint32_t> uids) {
    OpenMailbox& mailbox = session.selected->mailbox();
    Orders& orders = orders_of(mailbox);
    std::uint32_t validity = mailbox.box.uid_validity();
    Progress progress(session, command.tag, uids.size());
    auto dates = orders.columns.column(validity, imap::SortKey::kDate);
    auto subjects = orders.columns.column(validity, imap::SortKey::kSubject);
    co_await dates->prepare(mailbox, uids, progress);
    co_await subjects->prepare(mailbox, uids, progress);
    co_await orders.ids.prepare(mailbox, uids, progress);
    auto sent = dates->cells_of(uids);
    auto about = subjects->cells_of(uids);
    orders.columns.limit();
    auto numbers = told_numbers(session, command, uids);
    if (numbers.size() != uids.size()) {
        co_return "";  // never: what was found is what the client knows
    }
    std::vector<imap::ThreadMessage> messages(uids.size());
    for (std::size_t i = 0; i < uids.size(); ++i) {
        messages[i].number = numbers[i];
        messages[i].time = sent[i].number();
        messages[i].subject = about[i].rank;
        messages[i].is_reply = about[i].is_reply;
        orders.ids.fill(uids[i], messages[i]);
    }
    co_return imap::thread_messages(algorithm, messages, orders.ids.count());
}

}  // namespace

Task<Reply> cmd_sort(Session& session, Command& command) {
    imap::Scanner& scanner = command.arguments;
    if (!scanner.space()) {
        co_return bad_arguments(command);
    }
    auto returns = imap::parse_search_return(scanner);
    if (!returns) {
        co_return bad_arguments(command, returns.error().message);
    }
    auto program = imap::parse_sort_program(scanner);
    if (!program) {
        co_return bad_arguments(command, program.error().message);
    }
    auto key = parse_program(scanner);
    if (!key) {
        co_return search_refusal(session, command, *returns, key.error());
    }
    auto with_modseq = prepare_search(session, command, *returns, *key);
    if (!with_modseq) {
        co_return with_modseq.error();
    }
    auto context = begin_context(session, command, *returns, *key, *program);
    auto found = co_await find_messages(session, std::move(*key), command.tag);
    if (found.stopped_at) {
        co_return over_limit(message_limit());
    }
    auto sorted =
        co_await sort_messages(session, std::move(*program), std::move(found.uids), command.tag);
    session.selected->mailbox().cache.flush();
    tell_results(session, command, *returns, sorted, *with_modseq);
    keep_context(session, std::move(context), std::move(sorted), Complete::kYes);
    co_return Reply::ok("Sort completed.");
}

Task<Reply> cmd_thread(Session& session, Command& command) {
    auto name = command.arguments.space() ? command.arguments.atom() : std::nullopt;
    auto algorithm = name ? imap::thread_algorithm(*name) : std::nullopt;
    if (!algorithm) {
        co_return bad_arguments(command, "Unknown thread algorithm.");
    }
    auto key = parse_program(command.arguments);
    if (!key) {
        co_return search_refusal(session, command, std::nullopt, key.error());
    }
    auto prepared = prepare_search(session, command, std::nullopt, *key);
    if (!prepared) {
        co_return prepared.error();
    }
    auto found = co_await find_messages(session, std::move(*key), command.tag);
    if (found.stopped_at) {
        co_return over_limit(message_limit());
    }
    auto threads = co_await thread_text(session, command, *algorithm, std::move(found.uids));
    session.selected->mailbox().cache.flush();
    session.stream.write("* THREAD " + threads + "\r\n");
    co_return Reply::ok("Thread completed.");
}

}  // namespace relais
