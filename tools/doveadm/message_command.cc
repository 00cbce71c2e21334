#include "tools/doveadm/message_command.h"

#include "lib/base/strings.h"

namespace relais::doveadm {

bool MessageCommand::take_query(const Words& words, std::size_t from) {
    if (words.size() <= from) {
        return false;
    }
    query_ = Query::parse(Words(words.begin() + static_cast<std::ptrdiff_t>(from), words.end()));
    return true;
}

Task<void> MessageCommand::run(MailContext* context) {
    bool possible = co_await begin(context);
    if (possible) {
        co_await look_through(context);
    }
    finish();
}

Task<void> MessageCommand::look_through(MailContext* context) {
    User* user = source() == nullptr ? &context->user : source();
    for (const std::string& word : query_->missing(*user)) {
        std::string text = missing_text(word);
        if (!text.empty()) {
            context->fail(68, text);
        }
    }
    auto all = user->tree().list();
    if (!all) {
        context->fail("Mailbox listing failed", all.error());
        co_return;
    }
    for (const std::string& name : query_->mailboxes(*user, *all)) {
        co_await run_in(context, user, name);
    }
}

Task<void> MessageCommand::run_in(MailContext* context, User* user, std::string name) {
    auto mailbox = user->open(name);
    auto synced = co_await mailbox->box.sync(access());
    if (!synced) {
        context->fail("Mailbox " + mailbox_to_word(name) + ": Mailbox sync failed", synced.error());
        co_return;
    }
    // A look that leaves recent messages to the user's clients.
    const Enabled nothing;
    Selected selected(mailbox, MailboxAccess::kReadOnly, nothing);
    selected.begin();
    QueryMatch match(*query_, selected, user->separator());
    auto found = co_await match.find(mailbox->box.uids());
    if (!found.empty()) {
        co_await take(context, &selected, std::move(found));
    }
    mailbox->cache.flush();
}

}  // namespace relais::doveadm
