// COPY (RFC 3501 6.4.7) and MOVE (RFC 6851), with the UIDs of RFC 4315.
#include <algorithm>

#include <sys/stat.h>

#include "lib/access/message_copy.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/sequence_set.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/message_limit.h"

namespace relais {

namespace {

enum class MessagesStay { kNo, kYes };

struct Copied {
    std::string code;  // "COPYUID validity from to"
    std::vector<std::uint32_t> sources;
};

std::string set_text(const std::vector<std::uint32_t>& uids) {
    imap::SequenceSet set;
    for (std::uint32_t uid : uids) {
        set.add(uid);
    }
    return set.to_string();
}

Task<Result<Copied>> copy_selected(Session& session, std::shared_ptr<OpenMailbox> target,
                                   std::vector<std::uint32_t> uids) {
    auto access =
        session.selected->read_only() ? MailboxAccess::kReadOnly : MailboxAccess::kReadWrite;
    auto added = co_await copy_messages(session.selected->shared_mailbox(), access, target, uids,
                                        flag_limits(session, target->name));
    if (!added) {
        co_return fail_with(added);
    }
    session.expect_arrivals(target->name, *added);
    Copied copied;
    copied.code =
        format("COPYUID {} {} {}", target->box.uid_validity(), set_text(uids), set_text(*added));
    copied.sources = std::move(uids);
    co_return copied;
}

// What the messages weigh: the sizes of their files.
QuotaAmount weight_of(const Mailbox& from, const std::vector<std::uint32_t>& uids) {
    QuotaAmount weight;
    for (std::uint32_t uid : uids) {
        const MailMessage* message = from.find(uid);
        if (message == nullptr) {
            continue;
        }
        weight += {static_cast<std::int64_t>(from.stored_size(*message)), 1};
    }
    return weight;
}

// A move between mailboxes that count alike, and may be equally full, takes no room.
bool takes_room(Session& session, const std::string& target, MessagesStay stay) {
    const MailQuota* quota = session.user.quota();
    const std::string& source = session.selected->mailbox().name;
    bool own = session.user.is_own(target);
    if (quota == nullptr || (own && !quota->limited())) {
        return false;
    }
    if (!own || !session.user.is_own(source)) {
        return true;
    }
    return stay == MessagesStay::kYes || quota->counts(source) != quota->counts(target) ||
           quota->rules().limit_for(source) != quota->rules().limit_for(target);
}

struct CopyRequest {
    std::vector<std::uint32_t> uids;
    std::string target;
};

std::expected<CopyRequest, Reply> parse_copy(Session& session, Command& command) {
    if (!command.arguments.space()) {
        return std::unexpected(bad_arguments(command));
    }
    auto uids = message_set_argument(session, command);
    if (!uids) {
        return std::unexpected(uids.error());
    }
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name || !command.arguments.at_end()) {
        return std::unexpected(bad_arguments(command));
    }
    auto refused = refuse_mailbox(session, *name, AclRights::of("i"), "TRYCREATE");
    if (refused) {
        return std::unexpected(std::move(*refused));
    }
    return CopyRequest{std::move(*uids), *name};
}

Task<std::optional<Reply>> refuse_copy(Session& session, const CopyRequest& request,
                                       MessagesStay stay) {
    if (!takes_room(session, request.target, stay)) {
        co_return std::nullopt;
    }
    QuotaAmount weight = weight_of(session.selected->box(), request.uids);
    co_return co_await refuse_over_quota(session, request.target, weight);
}

Reply copy_failure(const Error& error) {
    if (error.code == Errc::kNotFound || error.sys_errno == ENOENT) {
        return Reply::no("[EXPUNGEISSUED] Some of the requested messages no longer exist.");
    }
    return failure(error);
}

}  // namespace

Task<Reply> cmd_copy(Session& session, Command& command) {
    auto request = parse_copy(session, command);
    if (!request) {
        co_return request.error();
    }
    if (request->uids.empty()) {
        co_return Reply::ok("No messages found.");
    }
    if (save_limit() > 0 && request->uids.size() > save_limit()) {
        co_return over_limit(save_limit());
    }
    auto refused = co_await refuse_copy(session, *request, MessagesStay::kYes);
    if (refused) {
        co_return std::move(*refused);
    }
    auto target = session.user.open(request->target);
    auto copied = co_await copy_selected(session, target, std::move(request->uids));
    if (!copied) {
        co_return copy_failure(copied.error());
    }
    co_await session.user.quota_changed();
    co_return Reply::ok(with_uid_code(session, target->name, copied->code, "Copy completed."));
}

// RFC 6851 3.3: COPYUID comes before the EXPUNGEs.
Task<Reply> cmd_move(Session& session, Command& command) {
    auto request = parse_copy(session, command);
    if (!request) {
        co_return request.error();
    }
    const std::string& source = session.selected->mailbox().name;
    if (!session.user.access().rights_on(source).has(AclRights::of("e"))) {
        co_return no_permission();
    }
    if (session.selected->read_only()) {
        co_return Reply::no("[READ-ONLY] Mailbox is read-only.");
    }
    if (request->uids.empty()) {
        co_return Reply::ok("No messages found.");
    }
    CutToLimit limit(request->uids);
    auto refused = co_await refuse_copy(session, *request, MessagesStay::kNo);
    if (refused) {
        co_return std::move(*refused);
    }
    auto target = session.user.open(request->target);
    auto copied = co_await copy_selected(session, target, std::move(request->uids));
    if (!copied) {
        co_return copy_failure(copied.error());
    }
    session.stream.write(
        "* OK " + with_uid_code(session, target->name, copied->code, "Moved UIDs.") + "\r\n");
    auto gone = co_await session.selected->box().expunge(std::move(copied->sources));
    if (!gone) {
        co_return failure(gone.error());
    }
    co_await session.user.quota_changed();
    co_return limit.mark(session, Reply::ok(session.with_highest_modseq("Move completed.")));
}

}  // namespace relais
