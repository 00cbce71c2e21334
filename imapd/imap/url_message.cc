#include "imapd/imap/url_message.h"

#include "lib/imap/utf7.h"

#include "imapd/imap/commands.h"

namespace relais {

std::string url_mailbox(Session& session, const imap::ImapUrl& url) {
    auto name = imap::utf8_to_utf7(url.mailbox);
    return name ? session.user.tree().canonical(*name) : "";
}

Task<Result<MessageFile>> open_url_message(Session& session, imap::ImapUrl url) {
    std::string name = url_mailbox(session, url);
    bool selected = url.mailbox.empty();
    bool usable =
        selected ? session.selected != nullptr : !refuse_mailbox(session, name, AclRights::of("r"));
    if (!usable) {
        co_return fail(Errc::kNotFound, selected ? "No mailbox selected" : "Mailbox doesn't exist");
    }
    auto mailbox = session.user.open(selected ? session.selected->mailbox().name : name);
    auto synced = co_await mailbox->box.sync(MailboxAccess::kReadOnly);
    if (!synced) {
        co_return fail_with(synced);
    }
    if (url.uid_validity && *url.uid_validity != mailbox->box.uid_validity()) {
        co_return fail(Errc::kNotFound, "Invalid UIDVALIDITY");
    }
    const MailMessage* found = mailbox->box.find(url.uid);
    co_return found == nullptr ? fail(Errc::kNotFound, "Message not found")
                               : MessageFile::open(mailbox->box, *found);
}

}  // namespace relais
