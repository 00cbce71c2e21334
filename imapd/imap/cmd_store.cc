// STORE.  RFC 3501 6.4.6
#include "lib/base/format.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

struct StoreRequest {
    FlagChange how = FlagChange::kReplace;
    bool silent = false;
    std::vector<std::string> flags;
};

std::optional<StoreRequest> parse_store(imap::Scanner& scanner) {
    StoreRequest request;
    if (scanner.accept('+')) {
        request.how = FlagChange::kAdd;
    } else if (scanner.accept('-')) {
        request.how = FlagChange::kRemove;
    }
    request.silent = scanner.accept_word("FLAGS.SILENT");
    if ((!request.silent && !scanner.accept_word("FLAGS")) || !scanner.space()) {
        return std::nullopt;
    }
    auto flags = scanner.flag_list(imap::Scanner::Parentheses::kOptional);
    if (!flags || !scanner.at_end()) {
        return std::nullopt;
    }
    request.flags = std::move(*flags);
    return request;
}

Task<void> show_flags(Session& session, const std::vector<std::uint32_t>& uids, WithUid with_uid) {
    std::string keywords;
    session.selected->report_keywords(keywords);
    session.stream.write(keywords);
    for (std::uint32_t uid : uids) {
        const MailMessage* message = session.selected->box().find(uid);
        auto sequence = session.selected->sequence_of(uid);
        if (message == nullptr || !sequence) {
            continue;
        }
        std::string line = format("* {} FETCH (", *sequence);
        if (with_uid == WithUid::kYes) {
            line += format("UID {} ", uid);
        }
        session.stream.write(line + "FLAGS " + session.selected->format_flags(*message) + ")\r\n");
        co_await session.drain();
    }
}

}  // namespace

Task<Reply> cmd_store(Session& session, Command& command) {
    if (!command.arguments.space()) {
        co_return bad_arguments(command);
    }
    auto uids = message_set_argument(session, command);
    if (!uids) {
        co_return uids.error();
    }
    auto request = command.arguments.space() ? parse_store(command.arguments) : std::nullopt;
    auto names = request ? parse_flag_names(request->flags) : std::nullopt;
    if (!names) {
        co_return bad_arguments(command);
    }
    Selected& selected = *session.selected;
    if (selected.read_only()) {
        co_return Reply::no("[READ-ONLY] Mailbox is read-only.");
    }
    // Changes of others are told first, so that what comes after is ours.
    co_await session.sync(command.uid ? Expunges::kTell : Expunges::kHold, command.with_uid());
    auto changed = co_await selected.box().change_flags(*uids, request->how, names->system,
                                                        std::move(names->keywords));
    if (!changed) {
        co_return failure(changed.error());
    }
    if (!request->silent) {
        co_await show_flags(session, *uids, command.with_uid());
    }
    selected.set_told(selected.box().last_change());
    bool gone = std::ranges::any_of(
        *uids, [&](std::uint32_t uid) { return selected.box().find(uid) == nullptr; });
    if (gone) {
        co_return Reply::no("[EXPUNGEISSUED] Some of the messages no longer exist.");
    }
    co_return Reply::ok("Store completed.");
}

}  // namespace relais
