// STATUS.  RFC 3501 6.3.10, STATUS=SIZE of RFC 8438, APPENDLIMIT of RFC 7889, HIGHESTMODSEQ of
// RFC 7162, MAILBOXID of RFC 8474, DELETED of RFC 9051, DELETED-STORAGE of RFC 9208
#include <array>

#include "lib/access/message_facts.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/mailbox_status.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 200;

bool is_deleted(const MailMessage& message) {
    return (message.system & MessageFlags::kDeleted) != 0;
}

enum class Counted { kAll, kDeleted };

Task<std::uint64_t> total_size(std::shared_ptr<OpenMailbox> mailbox, Counted which) {
    std::uint64_t total = 0;
    Mailbox::Uids uids = mailbox->box.uids();
    for (std::size_t i = 0; i < uids->size(); ++i) {
        if (which == Counted::kAll) {
            co_await gather_ahead(*mailbox, *uids, i, WantedFacts::kWireSize);
        }
        const MailMessage* message = mailbox->box.find((*uids)[i]);
        if (message != nullptr && (which == Counted::kAll || is_deleted(*message))) {
            total += wire_size_of(*mailbox, *message).value_or(0);
        }
        if (i % kChunk == kChunk - 1) {
            co_await yield();
        }
    }
    mailbox->cache.flush();
    co_return total;
}

std::uint32_t recent_in(Mailbox& box) {
    std::uint32_t count = 0;
    for (const MailMessage& message : box.messages()) {
        count += box.first_recent() != 0 && message.uid >= box.first_recent() ? 1 : 0;
    }
    return count;
}

std::size_t unseen_in(const Mailbox& box) {
    return static_cast<std::size_t>(std::ranges::count_if(
        box.messages(),
        [](const MailMessage& each) { return (each.system & MessageFlags::kSeen) == 0; }));
}

std::size_t deleted_in(Mailbox& box) {
    return static_cast<std::size_t>(std::ranges::count_if(box.messages(), is_deleted));
}

}  // namespace

MailboxCounts counts_of(const Mailbox& box) {
    return {box.uid_validity(), box.next_uid(),    box.messages().size(),
            unseen_in(box),     box.last_change(), box.last_flag_change()};
}

std::optional<StatusItems> parse_status_items(imap::Scanner& scanner) {
    struct Named {
        std::string_view name;
        bool StatusItems::* item;
    };

    constexpr std::array<Named, 11> kItems = {{{"MESSAGES", &StatusItems::messages},
                                               {"RECENT", &StatusItems::recent},
                                               {"UIDNEXT", &StatusItems::uid_next},
                                               {"UIDVALIDITY", &StatusItems::uid_validity},
                                               {"UNSEEN", &StatusItems::unseen},
                                               {"SIZE", &StatusItems::size},
                                               {"APPENDLIMIT", &StatusItems::append_limit},
                                               {"DELETED-STORAGE", &StatusItems::deleted_storage},
                                               {"DELETED", &StatusItems::deleted},
                                               {"HIGHESTMODSEQ", &StatusItems::highest_modseq},
                                               {"MAILBOXID", &StatusItems::mailbox_id}}};
    StatusItems items;
    if (!scanner.accept('(')) {
        return std::nullopt;
    }
    do {
        auto known = std::ranges::find_if(
            kItems, [&scanner](const Named& each) { return scanner.accept_word(each.name); });
        if (known == kItems.end()) {
            return std::nullopt;
        }
        items.*(known->item) = true;
    } while (scanner.space());
    return scanner.accept(')') ? std::optional(items) : std::nullopt;
}

Task<Result<std::string>> mailbox_status(Session& session, std::string name, StatusItems items) {
    auto mailbox = session.user.open(name);
    auto synced = co_await mailbox->quiet.look(&mailbox->box);
    if (!synced) {
        session.user.forget(name);
        co_return fail_with(synced);
    }
    Mailbox& box = mailbox->box;
    std::string out = "* STATUS ";
    session.append_name(out, name);
    std::vector<std::string> values;
    if (items.messages) {
        values.push_back(format("MESSAGES {}", box.messages().size()));
    }
    if (items.recent) {
        values.push_back(format("RECENT {}", recent_in(box)));
    }
    if (items.uid_next) {
        values.push_back(format("UIDNEXT {}", box.next_uid()));
    }
    if (items.uid_validity) {
        values.push_back(format("UIDVALIDITY {}", box.uid_validity()));
    }
    if (items.unseen) {
        values.push_back(format("UNSEEN {}", unseen_in(box)));
    }
    if (items.size) {
        std::uint64_t size = co_await total_size(mailbox, Counted::kAll);
        values.push_back(format("SIZE {}", size));
    }
    if (items.deleted) {
        values.push_back(format("DELETED {}", deleted_in(box)));
    }
    if (items.deleted_storage) {
        std::uint64_t size = co_await total_size(mailbox, Counted::kDeleted);
        values.push_back(format("DELETED-STORAGE {}", size));
    }
    if (items.highest_modseq) {
        values.push_back(format("HIGHESTMODSEQ {}", box.last_change()));
    }
    if (items.mailbox_id && !box.guid().empty()) {
        values.push_back(format("MAILBOXID ({})", box.guid()));
    }
    if (items.append_limit) {
        auto limit = conf().imap_append_size_limit();
        values.push_back("APPENDLIMIT " + (limit > 0 ? std::to_string(limit) : "NIL"));
    }
    co_return out + " (" + join(values, " ") + ")\r\n";
}

Task<Reply> cmd_status(Session& session, Command& command) {
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    auto items =
        name && command.arguments.space() ? parse_status_items(command.arguments) : std::nullopt;
    if (!items || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    auto refused = refuse_mailbox(session, *name, AclRights::of("r"));
    if (refused) {
        co_return std::move(*refused);
    }
    if (items->highest_modseq) {
        session.enable_condstore();
    }
    auto status = co_await mailbox_status(session, *name, *items);
    if (!status) {
        co_return failure(status.error());
    }
    session.stream.write(*status);
    co_return Reply::ok("Status completed.");
}

}  // namespace relais
