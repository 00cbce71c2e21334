// STORE.  RFC 3501 6.4.6, UNCHANGEDSINCE of RFC 7162 3.1.3
#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/modseq.h"
#include "lib/imap/search_return.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/message_limit.h"
#include "imapd/imap/search_run.h"

namespace relais {

namespace {

struct StoreRequest {
    FlagChange how = FlagChange::kReplace;
    bool silent = false;
    std::vector<std::string> flags;
    std::optional<std::uint64_t> unchanged_since;
};

// "(UNCHANGEDSINCE 12121230045) " of RFC 4466's modifiers, the only one there is.
bool parse_modifiers(imap::Scanner& scanner, StoreRequest& request) {
    if (!scanner.accept('(')) {
        return true;
    }
    bool known = scanner.accept_word("UNCHANGEDSINCE") && scanner.space();
    request.unchanged_since = known ? imap::parse_modseq(scanner) : std::nullopt;
    return request.unchanged_since && scanner.accept(')') && scanner.space();
}

std::optional<StoreRequest> parse_store(imap::Scanner& scanner) {
    StoreRequest request;
    if (!parse_modifiers(scanner, request)) {
        return std::nullopt;
    }
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

// Silence is about flags: the numbers of the changes are told to who asks for such.
Task<void> show_changes(Session& session, const std::vector<std::uint32_t>& uids, WithUid with_uid,
                        bool silent) {
    Selected& selected = *session.selected;
    if (silent && (!session.enabled.condstore || !selected.tracked())) {
        co_return;
    }
    std::string keywords;
    selected.report_keywords(keywords);
    session.stream.write(keywords);
    for (std::uint32_t uid : uids) {
        const MailMessage* message = selected.box().find(uid);
        auto sequence = selected.sequence_of(uid);
        if (message == nullptr || !sequence) {
            continue;
        }
        if (silent) {
            std::string line = selected.fetch_head(*message, *sequence);
            bool tell_uid = with_uid == WithUid::kYes || session.enabled.qresync;
            line += tell_uid && !session.enabled.uid_only ? format("UID {} ", uid) : "";
            session.stream.write(line + selected.format_modseq(*message) + ")\r\n");
        } else {
            session.stream.write(selected.flags_line(*message, *sequence, with_uid));
        }
        co_await session.drain();
    }
}

// "[MODIFIED 7,9]": as the command names messages.
std::string modified_code(Session& session, const Command& command,
                          const std::vector<std::uint32_t>& refused) {
    std::string code = "[MODIFIED ";
    imap::append_number_list(code, told_numbers(session, command, refused));
    return code + "]";
}

std::vector<std::string> without(std::vector<std::string> names,
                                 const std::vector<std::string>& others) {
    std::erase_if(names, [&others](const std::string& name) {
        return std::ranges::any_of(
            others, [&name](const std::string& other) { return iequals(other, name); });
    });
    return names;
}

// Where only some flags may be changed, putting them in place of the old ones is to remove those
// that may go, and to add the others.
Task<Result<FlagOutcome>> replace_limited(Selected& selected, FlagLimits limits, FlagNames names,
                                          std::vector<std::uint32_t> uids, std::uint64_t since) {
    std::vector<std::string> gone;
    if (limits.keywords) {
        gone = without(selected.box().keyword_names(), names.keywords);
    }
    auto removed = co_await selected.box().change_flags(
        uids, FlagChange::kRemove, static_cast<std::uint8_t>(limits.system & ~names.system),
        std::move(gone), since);
    if (!removed) {
        co_return removed;
    }
    std::vector<std::uint32_t> rest;
    std::ranges::set_difference(uids, removed->refused, std::back_inserter(rest));
    auto added = co_await selected.box().change_flags(rest, FlagChange::kAdd, names.system,
                                                      std::move(names.keywords));
    if (added) {
        added->before = std::min(added->before, removed->before);
        added->refused = std::move(removed->refused);
    }
    co_return added;
}

// What the user may not change stays as it is, and nobody complains (RFC 4314 4).
FlagNames permitted(FlagLimits limits, FlagNames names) {
    names.system &= limits.system;
    if (!limits.keywords) {
        names.keywords.clear();
    }
    return names;
}

Task<Result<FlagOutcome>> change_flags(Session& session, const StoreRequest& request,
                                       FlagNames names, std::vector<std::uint32_t> uids) {
    Selected& selected = *session.selected;
    FlagLimits limits = flag_limits(session, selected.mailbox().name);
    std::uint64_t since = request.unchanged_since.value_or(Mailbox::kWhatever);
    if (request.how == FlagChange::kReplace && !limits.unlimited()) {
        co_return co_await replace_limited(selected, limits, std::move(names), std::move(uids),
                                           since);
    }
    co_return co_await selected.box().change_flags(std::move(uids), request.how, names.system,
                                                   std::move(names.keywords), since);
}

Task<Reply> store(Session& session, Command& command, StoreRequest request, FlagNames names,
                  std::vector<std::uint32_t> uids) {
    const CutToLimit limit(uids);
    Selected& selected = *session.selected;
    // Changes of others are told first, so that what comes after is ours.
    co_await session.sync(command.uid ? Expunges::kTell : Expunges::kHold, command.with_uid());
    auto changed = co_await change_flags(session, request, std::move(names), uids);
    if (!changed) {
        co_return failure(changed.error());
    }
    std::vector<std::uint32_t> done;
    std::ranges::set_difference(uids, changed->refused, std::back_inserter(done));
    if (limit.cut()) {
        std::ranges::reverse(done);
    }
    co_await show_changes(session, done, command.with_uid(), request.silent);
    selected.own_change(*changed);
    bool gone = std::ranges::any_of(
        uids, [&](std::uint32_t uid) { return selected.box().find(uid) == nullptr; });
    if (!changed->refused.empty()) {
        std::string text = modified_code(session, command, changed->refused);
        co_return gone ? Reply::no(text + " Some of the messages no longer exist.")
                       : limit.mark(session, Reply::ok(text + " Conditional store failed."));
    }
    if (gone) {
        co_return Reply::no("[EXPUNGEISSUED] Some of the messages no longer exist.");
    }
    co_return limit.mark(session, Reply::ok("Store completed."));
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
    if (request->unchanged_since && !session.enable_condstore()) {
        co_return bad_arguments(command, "No permanent mod-sequences.");
    }
    FlagLimits limits = flag_limits(session, session.selected->mailbox().name);
    FlagNames wanted = permitted(limits, std::move(*names));
    bool idle =
        request->how != FlagChange::kReplace && wanted.system == 0 && wanted.keywords.empty();
    if (limits.nothing() || (!limits.unlimited() && idle)) {
        co_return Reply::ok("Store completed.");
    }
    if (session.selected->read_only()) {
        co_return Reply::no("[READ-ONLY] Mailbox is read-only.");
    }
    co_return co_await store(session, command, std::move(*request), std::move(wanted),
                             std::move(*uids));
}

}  // namespace relais
