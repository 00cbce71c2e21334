#include "lib/sync/imap_replica.h"

#include <algorithm>
#include <set>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kMostMailboxes = 100000;
constexpr std::size_t kMostMessages = 10000000;

std::unexpected<Error> no_uid_left() {
    return fail(Errc::kDenied, "the server's UIDs leave none for another message");
}

// "1,2,3:5"
std::string set_of(const std::vector<std::uint32_t>& uids) {
    std::string text;
    for (std::size_t i = 0; i < uids.size();) {
        std::size_t last = i;
        while (last + 1 < uids.size() && uids[last + 1] == uids[last] + 1) {
            ++last;
        }
        text += text.empty() ? "" : ",";
        text += last > i ? format("{}:{}", uids[i], uids[last]) : std::to_string(uids[i]);
        i = last + 1;
    }
    return text;
}

}  // namespace

ImapReplica::ImapReplica(ImapAccount account)
    : account_(format("{} {}", account.host, account.user)),
      list_prefix_(account.list_prefix),
      client_(std::move(account)) {
}

Task<Result<ImapReplica::Listed>> ImapReplica::ask_list(std::string command) {
    Listed found;
    auto take = [this, &found](std::string_view response) -> Result<void> {
        auto listed = imap::parse_list_response(response);
        bool list = istarts_with(response, "LIST ") || istarts_with(response, "LSUB ");
        if (list && (!listed || found.size() >= kMostMailboxes)) {
            return fail(Errc::kClosed, listed ? "the server has too many mailboxes"
                                              : "the server makes no sense: " +
                                                    printable(response.substr(0, 100)));
        }
        if (listed && takes_part(*listed)) {
            found.push_back(std::move(*listed));
        }
        return {};
    };
    auto done = co_await client_.command(std::move(command), take);
    if (!done) {
        co_return fail_with(done);
    }
    co_return found;
}

bool ImapReplica::takes_part(const imap::ListedMailbox& listed) const {
    return list_prefix_.empty() || iequals(listed.name, "INBOX") ||
           (listed.separator != '\0' && listed.name.size() > list_prefix_.size() + 1 &&
            listed.name.starts_with(list_prefix_) &&
            listed.name[list_prefix_.size()] == listed.separator);
}

std::string ImapReplica::name_for(const imap::ListedMailbox& listed) {
    bool below = !list_prefix_.empty() && !iequals(listed.name, "INBOX");
    std::string_view name = listed.name;
    return names_.add(below ? name.substr(list_prefix_.size() + 1) : name, listed.separator,
                      listed.name);
}

Task<Result<std::vector<SyncMailbox>>> ImapReplica::list() {
    auto all = co_await ask_list("LIST \"\" \"*\"");
    auto subscribed = all ? co_await ask_list("LSUB \"\" \"*\"") : std::move(all);
    if (!subscribed) {
        co_return fail_with(subscribed);
    }
    std::vector<SyncMailbox> found;
    std::set<std::string> names;
    std::set<std::string> wanted;
    for (const imap::ListedMailbox& listed : *subscribed) {
        if (listed.selectable) {
            wanted.insert(name_for(listed));
        }
    }
    for (const imap::ListedMailbox& listed : *all) {
        std::string name = name_for(listed);
        if (listed.selectable && names.insert(name).second) {
            found.push_back({name, "", true, wanted.contains(name)});
        }
    }
    for (const std::string& name : wanted) {
        if (!names.contains(name)) {
            found.push_back({name, "", false, true});
        }
    }
    co_return found;
}

Task<Result<ImapReplica::Examined>> ImapReplica::examine(std::string mailbox) {
    auto there = names_.find(mailbox);
    auto quoted = there ? quoted_imap_string(*there) : std::nullopt;
    if (!quoted) {
        co_return fail(Errc::kDenied, "the server's name cannot be said");
    }
    Examined found;
    auto take = [&found](std::string_view response) -> Result<void> {
        found.exists = imap::parse_exists(response).value_or(found.exists);
        found.numbers.uid_validity =
            imap::parse_code_number(response, "UIDVALIDITY").value_or(found.numbers.uid_validity);
        found.numbers.next_uid =
            imap::parse_code_number(response, "UIDNEXT").value_or(found.numbers.next_uid);
        return {};
    };
    examined_.clear();
    auto done = co_await client_.command("EXAMINE " + *quoted, take);
    if (!done) {
        co_return fail_with(done);
    }
    if (found.numbers.uid_validity == 0) {
        co_return fail(Errc::kDenied, "the server tells no UIDVALIDITY");
    }
    if (!found.numbers.possible()) {
        co_return no_uid_left();
    }
    examined_ = mailbox;
    uid_validity_ = found.numbers.uid_validity;
    co_return found;
}

// The server's UIDVALIDITY and UID, for ever those of one message, in the form of a GUID.
SyncMessage ImapReplica::describe(const std::string& mailbox,
                                  const imap::FetchedMessage& fetched) const {
    SyncMessage message;
    message.uid = fetched.uid;
    message.guid = format("{:08x}{:08x}{:016x}", uid_validity_, fetched.uid,
                          sync_digest(account_ + " " + names_.find(mailbox).value_or(mailbox)));
    message.flags = fetched.flags.value_or(SyncFlags());
    message.received = fetched.received.value_or(0);
    message.size = fetched.size;
    return message;
}

Task<Result<MailboxContent>> ImapReplica::look(std::string mailbox) {
    auto examined = co_await examine(mailbox);
    if (!examined) {
        co_return fail_with(examined);
    }
    MailboxContent content{examined->numbers, {}};
    std::map<std::uint32_t, SyncMessage> messages;
    auto take = [&](std::string_view response) -> Result<void> {
        auto fetched = imap::parse_fetch_response(response);
        if (fetched && fetched->uid != 0 && fetched->flags) {
            messages[fetched->uid] = describe(mailbox, *fetched);
        }
        examined->exists = imap::parse_exists(response).value_or(examined->exists);
        bool many = messages.size() > kMostMessages;
        return many ? fail(Errc::kClosed, "too many messages") : Result<void>();
    };
    if (examined->exists > 0) {
        auto done =
            co_await client_.command("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)", take);
        if (!done) {
            co_return fail_with(done);
        }
    }
    // What is missing here would be taken for deleted.
    if (messages.size() < examined->exists) {
        co_return fail(Errc::kDenied, format("the server tells of {} messages, and lists {}",
                                             examined->exists, messages.size()));
    }
    if (!messages.empty() && !is_sync_uid(messages.rbegin()->first)) {
        co_return no_uid_left();
    }
    for (auto& [uid, message] : messages) {
        content.numbers.next_uid = std::max(content.numbers.next_uid, uid + 1);
        content.messages.push_back(std::move(message));
    }
    content.numbers.next_uid = std::max(content.numbers.next_uid, 1U);
    co_return content;
}

Task<Result<std::vector<SyncText>>> ImapReplica::read(std::string mailbox,
                                                      std::vector<std::uint32_t> uids) {
    if (examined_ != mailbox) {
        std::uint32_t before = uid_validity_;
        auto examined = co_await examine(mailbox);
        if (!examined) {
            co_return fail_with(examined);
        }
        if (before != uid_validity_) {
            co_return fail(Errc::kDenied, "the UIDVALIDITY has changed");
        }
    }
    std::vector<SyncText> texts;
    std::set<std::uint32_t> wanted(uids.begin(), uids.end());
    std::uint64_t bytes = 0;
    auto take = [&](std::string_view response) -> Result<void> {
        auto fetched = imap::parse_fetch_response(response);
        if (!fetched || !fetched->body || !wanted.contains(fetched->uid)) {
            return {};
        }
        wanted.erase(fetched->uid);
        bytes += fetched->body->size();
        texts.push_back({describe(mailbox, *fetched), std::move(*fetched->body)});
        return bytes > kLargestSyncText ? fail(Errc::kClosed, "far more than was announced")
                                        : Result<void>();
    };
    auto done = co_await client_.command(
        format("UID FETCH {} (UID FLAGS INTERNALDATE BODY.PEEK[])", set_of(uids)), take);
    if (!done) {
        co_return fail_with(done);
    }
    co_return texts;
}

}  // namespace relais
