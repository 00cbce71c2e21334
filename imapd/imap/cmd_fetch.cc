// FETCH.  RFC 3501 6.4.5, 7.4.2; BINARY (RFC 3516), PREVIEW (RFC 8970), PARTIAL (RFC 9394),
// CHANGEDSINCE (RFC 7162), EMAILID (RFC 8474), SAVEDATE (RFC 8514)
#include <algorithm>
#include <span>

#include "lib/access/message_facts.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/imap/fetch_items.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/fetcher.h"
#include "imapd/imap/message_limit.h"

namespace relais {

namespace {

using Kind = imap::FetchItem::Kind;

constexpr std::size_t kChunk = 100;  // messages before other sessions get their turn

// Those that have changed, and before them the UIDs that are gone (RFC 7162 3.1.4.1 and 3.2.6).
void narrow_to_changed(Session& session, const imap::FetchModifiers& modifiers,
                       const imap::SequenceSet& asked, std::vector<std::uint32_t>& uids) {
    Selected& selected = *session.selected;
    if (modifiers.vanished) {
        auto gone = selected.vanished(*modifiers.changed_since, asked);
        if (!gone.empty()) {
            session.stream.write("* VANISHED (EARLIER) " + gone.to_string() + "\r\n");
        }
    }
    std::erase_if(uids, [&](std::uint32_t uid) {
        const MailMessage* message = selected.box().find(uid);
        return message != nullptr && selected.box().modseq_of(*message) <= *modifiers.changed_since;
    });
}

// The UIDs that the command names, whether there are messages or not.
imap::SequenceSet asked_uids(Session& session, imap::Scanner scanner) {
    std::uint32_t last = std::max(session.selected->box().next_uid(), 2U) - 1;
    auto text = scanner.sequence_text();
    auto set = text ? imap::SequenceSet::parse(*text) : std::nullopt;
    return set ? set->resolve(last) : imap::SequenceSet();
}

// The numbers of changes, where they are asked for; the error is the reply.
std::expected<void, Reply> prepare_modseqs(Session& session, const Command& command,
                                           imap::FetchItems& items,
                                           const imap::FetchModifiers& modifiers) {
    if (modifiers.changed_since) {
        items.add(Kind::kModseq);
    }
    if (modifiers.vanished &&
        (!command.uid || !session.enabled.qresync || !modifiers.changed_since)) {
        return std::unexpected(bad_arguments(command, "VANISHED is not possible here."));
    }
    if (items.has(Kind::kModseq) && !session.enable_condstore()) {
        return std::unexpected(bad_arguments(command, "No permanent mod-sequences."));
    }
    return {};
}

// The messages among `uids` that are not seen yet get \Seen; they are told with their FETCH.  Where
// that cannot be written down (a full disk) they can be read all the same.
Task<Result<std::vector<std::uint32_t>>> mark_seen(Selected& selected,
                                                   const std::vector<std::uint32_t>& uids) {
    std::vector<std::uint32_t> unseen;
    for (std::uint32_t uid : uids) {
        const MailMessage* message = selected.box().find(uid);
        if (message != nullptr && (message->system & MessageFlags::kSeen) == 0) {
            unseen.push_back(uid);
        }
    }
    if (unseen.empty()) {
        co_return unseen;
    }
    auto changed =
        co_await selected.box().change_flags(unseen, FlagChange::kAdd, MessageFlags::kSeen);
    if (!changed && changed.error().code == Errc::kSystem) {
        log_warning("{}", changed.error().message);
        co_return std::vector<std::uint32_t>();
    }
    if (!changed) {
        co_return fail_with(changed);
    }
    selected.own_change(*changed);
    co_return unseen;
}

struct FetchOrder {
    std::vector<std::uint32_t> uids;
    imap::FetchItems items;
};

// What the arguments say; tells of messages that have gone, where that is asked for.  The error is
// the reply.
std::expected<FetchOrder, Reply> parse_order(Session& session, Command& command) {
    if (!command.arguments.space()) {
        return std::unexpected(bad_arguments(command));
    }
    imap::Scanner set_text = command.arguments;
    auto uids = message_set_argument(session, command);
    if (!uids) {
        return std::unexpected(uids.error());
    }
    if (!command.arguments.space()) {
        return std::unexpected(bad_arguments(command));
    }
    auto items = imap::parse_fetch_items(command.arguments);
    if (!items) {
        return std::unexpected(bad_arguments(command, items.error().message));
    }
    auto modifiers = imap::parse_fetch_modifiers(command.arguments);
    if (!modifiers) {
        return std::unexpected(bad_arguments(command, modifiers.error().message));
    }
    auto prepared = prepare_modseqs(session, command, *items, *modifiers);
    if (!prepared) {
        return std::unexpected(prepared.error());
    }
    if (modifiers->changed_since) {
        narrow_to_changed(session, *modifiers, asked_uids(session, set_text), *uids);
    }
    if (modifiers->partial) {
        // RFC 9738 3.1: what would be cut is refused.
        if (message_limit() > 0 && modifiers->partial->size() > message_limit()) {
            return std::unexpected(over_limit(message_limit()));
        }
        auto part = modifiers->partial->of(*uids);
        uids = std::vector<std::uint32_t>(part.begin(), part.end());
    }
    return FetchOrder{std::move(*uids), std::move(*items)};
}

bool may_mark_seen(Session& session) {
    if (session.selected->read_only()) {
        return false;
    }
    FlagLimits limits = flag_limits(session, session.selected->mailbox().name);
    return (limits.system & MessageFlags::kSeen) != 0;
}

}  // namespace

Task<Reply> cmd_fetch(Session& session, Command& command) {
    auto order = parse_order(session, command);
    if (!order) {
        co_return order.error();
    }
    std::vector<std::uint32_t>& uids = order->uids;
    CutToLimit limit(uids);
    std::vector<std::uint32_t> seen;
    if (order->items.sets_seen() && may_mark_seen(session)) {
        auto marked = co_await mark_seen(*session.selected, uids);
        if (!marked) {
            co_return failure(marked.error());
        }
        seen = std::move(*marked);
    }
    if (limit.cut()) {
        std::ranges::reverse(uids);
    }
    Fetcher fetcher(session, std::move(order->items), command.with_uid());
    for (std::size_t i = 0; i < uids.size(); ++i) {
        if (i % kFactsAtOnce == 0) {
            co_await fetcher.prepare(
                std::span(uids).subspan(i, std::min(kFactsAtOnce, uids.size() - i)));
        }
        co_await fetcher.fetch(uids[i], std::ranges::binary_search(seen, uids[i]));
        if (i % kChunk == kChunk - 1) {
            co_await yield();
        }
    }
    session.selected->mailbox().cache.flush();
    if (fetcher.missed() && !command.uid) {
        co_return Reply::no("[EXPUNGEISSUED] Some of the requested messages no longer exist.");
    }
    if (fetcher.undecodable()) {
        co_return Reply::no("[UNKNOWN-CTE] Unknown Content-Transfer-Encoding");
    }
    co_return limit.mark(session, Reply::ok("Fetch completed."));
}

}  // namespace relais
