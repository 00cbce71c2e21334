// APPEND (RFC 3501 6.3.11, RFC 3502 MULTIAPPEND, RFC 4469 CATENATE, APPENDUID of RFC 4315) and
// REPLACE (RFC 8508).
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/imap/search_return.h"
#include "lib/imap/sequence_set.h"

#include "imapd/imap/append_input.h"

namespace relais {

namespace {

struct Stored {
    std::shared_ptr<OpenMailbox> target;
    std::vector<std::uint32_t> uids;
    std::string code;  // "APPENDUID validity uids"
};

// Takes the messages in, and puts all of them into the mailbox or none.
Task<std::expected<Stored, Reply>> receive_and_store(Session& session, Command& command,
                                                     imap::AppendParser::Messages messages) {
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    if (!name) {
        co_return std::unexpected(bad_arguments(command));
    }
    auto barred = refuse_mailbox(session, *name, AclRights::of("i"), "TRYCREATE");
    if (barred) {
        co_return std::unexpected(std::move(*barred));
    }
    Stored stored;
    stored.target = session.user.open(*name);
    AppendInput input(session, command, stored.target, messages);
    auto received = co_await input.receive();
    if (!received) {
        co_return std::unexpected(received.error());
    }
    QuotaAmount more;
    for (const NewMessage& message : *received) {
        more += {static_cast<std::int64_t>(maildir_size(message.base, 'S').value_or(0)), 1};
    }
    auto refused = co_await refuse_over_quota(session, *name, more);
    if (refused) {
        co_return std::unexpected(std::move(*refused));
    }
    limit_flags(flag_limits(session, *name), *received);
    auto uids = co_await stored.target->box.add(std::move(*received));
    if (!uids) {
        co_return std::unexpected(failure(uids.error()));
    }
    stored.uids = std::move(*uids);
    session.expect_arrivals(*name, stored.uids);
    stored.code = format("APPENDUID {} ", stored.target->box.uid_validity());
    imap::append_number_list(stored.code, stored.uids);
    co_await session.user.quota_changed();
    co_return stored;
}

// "5", "*": the one message that is to go.
std::optional<std::uint32_t> replaced_message(Session& session, Command& command) {
    auto text = command.arguments.space() ? command.arguments.sequence_text() : std::nullopt;
    bool single = text && text->find_first_of(":,") == std::string_view::npos;
    auto set = single ? imap::SequenceSet::parse(*text) : std::nullopt;
    auto uids = set ? session.selected->pick(*set, command.with_uid()) : std::nullopt;
    return uids && uids->size() == 1 ? std::optional(uids->front()) : std::nullopt;
}

}  // namespace

Task<Reply> cmd_append(Session& session, Command& command) {
    auto stored = co_await receive_and_store(session, command, imap::AppendParser::Messages::kMany);
    if (!stored) {
        co_return stored.error();
    }
    co_return Reply::ok(
        with_uid_code(session, stored->target->name, stored->code, "Append completed."));
}

// RFC 8508 3.3: the new message is there before the old one goes, and where that one cannot go, the
// new one goes again.
Task<Reply> cmd_replace(Session& session, Command& command) {
    auto old = replaced_message(session, command);
    if (!old) {
        co_return Reply::no("[NONEXISTENT] There is no such message.");
    }
    if (session.selected->read_only()) {
        co_return Reply::no("[READ-ONLY] Mailbox is read-only.");
    }
    const std::string& selected = session.selected->mailbox().name;
    if (!session.user.access().rights_on(selected).has(AclRights::of("e"))) {
        co_return no_permission();
    }
    auto stored = co_await receive_and_store(session, command, imap::AppendParser::Messages::kOne);
    if (!stored) {
        co_return stored.error();
    }
    auto gone = co_await session.selected->box().expunge({*old});
    if (!gone) {
        auto undone = co_await stored->target->box.expunge(stored->uids);
        if (!undone) {
            log_warning("{}", undone.error().message);
        }
        co_return failure(gone.error());
    }
    std::string ready =
        with_uid_code(session, stored->target->name, stored->code, "Replacement message ready.");
    session.stream.write("* OK " + ready + "\r\n");
    co_return Reply::ok("Replace completed.");
}

}  // namespace relais
