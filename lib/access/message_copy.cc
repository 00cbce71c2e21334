#include "lib/access/message_copy.h"

#include <algorithm>
#include <cerrno>

#include "lib/access/incoming_message.h"
#include "lib/access/message_file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

// The base name of the copy: a new one, with the sizes that the old one tells.
std::string copy_base(const MailboxPlace& place, std::string_view old) {
    std::string base = make_maildir_base(place.host);
    for (char which : {'S', 'W'}) {
        if (auto size = maildir_size(old, which)) {
            base += format(",{}={}", which, *size);
        }
    }
    return base;
}

// The hard links to be made in the target.
Result<std::vector<NewMessage>> plan_copies(const Mailbox& from, const Mailbox& to,
                                            const std::vector<std::uint32_t>& uids,
                                            FlagLimits kept) {
    auto list = from.list();
    if (!list) {
        return fail_with(list);
    }
    std::vector<NewMessage> copies;
    for (std::uint32_t uid : uids) {
        const MailMessage* message = from.find(uid);
        if (message == nullptr) {
            return fail(Errc::kNotFound, "a message is gone");
        }
        NewMessage copy = from.hand_over(*message, Mailbox::Handing::kLink);
        copy.base = copy_base(to.place(), from.base_name(*message));
        copy.flags.system &= kept.system;
        if (!kept.keywords) {
            copy.keywords.clear();
        }
        copy.extensions = "G" + message_guid(*list, *message, from.base_name(*message));
        copies.push_back(std::move(copy));
    }
    return copies;
}

// Where there can be no links: on another file system, or to files that are somebody else's.
bool calls_for_content(int reason) {
    return reason == EXDEV || reason == EPERM || reason == EMLINK;
}

// The same messages as files of their own, in tmp/; `files` removes what is not moved away.
Task<Result<std::vector<NewMessage>>> copy_content(
    Mailbox* from, const Mailbox* to, std::vector<NewMessage> copies,
    std::vector<std::uint32_t> uids, std::vector<std::unique_ptr<IncomingMessage>>* files) {
    for (std::size_t i = 0; i < copies.size(); ++i) {
        const MailMessage* message = from->find(uids[i]);
        auto file = message == nullptr ? fail(Errc::kNotFound, "a message is gone")
                                       : MessageFile::open(*from, *message);
        if (!file) {
            co_return fail_with(file);
        }
        files->push_back(std::make_unique<IncomingMessage>(*to));
        files->back()->write(file->text());
        auto made = co_await files->back()->finish(file->received());
        if (!made) {
            co_return fail_with(made);
        }
        made->flags = copies[i].flags;
        made->keywords = std::move(copies[i].keywords);
        made->extensions = std::move(copies[i].extensions);
        copies[i] = std::move(*made);
    }
    co_return copies;
}

}  // namespace

std::string message_guid(const UidList& list, const MailMessage& message, std::string_view name) {
    auto at = std::ranges::lower_bound(list.entries, message.uid, {}, &UidListEntry::uid);
    if (at != list.entries.end() && at->uid == message.uid) {
        for (std::string_view word : split_words(at->extensions, " ")) {
            if (word.starts_with('G')) {
                return std::string(word.substr(1));
            }
        }
    }
    return std::string(name);
}

Task<Result<std::vector<std::uint32_t>>> copy_messages(std::shared_ptr<OpenMailbox> from,
                                                       MailboxAccess access,
                                                       std::shared_ptr<OpenMailbox> to,
                                                       std::vector<std::uint32_t> uids,
                                                       FlagLimits kept) {
    Result<std::vector<std::uint32_t>> added;
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto copies = plan_copies(from->box, to->box, uids, kept);
        if (!copies) {
            co_return fail_with(copies);
        }
        std::vector<NewMessage> links = *copies;
        const bool linked = to->box.can_link_to(from->box);
        if (linked) {
            added = co_await to->box.add(std::move(links));
        }
        if (!linked || (!added && calls_for_content(added.error().sys_errno))) {
            std::vector<std::unique_ptr<IncomingMessage>> files;
            auto made =
                co_await copy_content(&from->box, &to->box, std::move(*copies), uids, &files);
            if (!made) {
                co_return fail_with(made);
            }
            added = co_await to->box.add(std::move(*made));
        }
        if (added || added.error().sys_errno != ENOENT) {
            break;
        }
        // A file has another name by now: look, and try again.
        auto synced = co_await from->box.sync(access);
        if (!synced) {
            co_return fail_with(synced);
        }
    }
    co_return added;
}

namespace {

// The files themselves.
Task<Result<void>> move_files(Mailbox* from, Mailbox* to) {
    auto extended = from->extended_entries();
    if (!extended) {
        co_return fail_with(extended);
    }
    std::vector<NewMessage> moved;
    for (const MailMessage& message : from->messages()) {
        auto at = std::ranges::lower_bound(*extended, message.uid, {}, &UidListEntry::uid);
        bool listed = at != extended->end() && at->uid == message.uid;
        moved.push_back(from->hand_over(message, Mailbox::Handing::kFile));
        moved.back().extensions = listed ? at->extensions : "";
    }
    auto added = co_await to->add(std::move(moved));
    co_return added ? Result<void>() : fail_with(added);
}

}  // namespace

Task<Result<void>> move_all_messages(std::shared_ptr<OpenMailbox> from,
                                     std::shared_ptr<OpenMailbox> to) {
    if (from->box.messages().empty()) {
        co_return Result<void>();
    }
    if (to->box.can_link_to(from->box)) {
        co_return co_await move_files(&from->box, &to->box);
    }
    std::vector<std::uint32_t> uids = *from->box.uids();
    auto copied = co_await copy_messages(from, MailboxAccess::kReadWrite, to, uids);
    if (!copied) {
        co_return fail_with(copied);
    }
    auto gone = co_await from->box.expunge(std::move(uids));
    co_return gone ? Result<void>() : fail_with(gone);
}

}  // namespace relais
