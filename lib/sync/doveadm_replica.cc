#include "lib/sync/doveadm_replica.h"

#include <algorithm>
#include <limits>
#include <set>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/sync/imap_responses.h"

namespace relais {

namespace {

constexpr std::size_t kMostMailboxes = 100000;
constexpr std::size_t kMostMessages = 10000000;

// What a server prints, in its own order whatever was asked for: name, uidnext, uidvalidity, guid.
constexpr std::string_view kStates = "uidnext uidvalidity guid";
constexpr std::size_t kStateColumns = 4;

constexpr std::string_view kFields =
    "uid guid flags date.received.unixtime size.physical pop3.uidl pop3.order";
constexpr std::size_t kFieldColumns = 7;

std::unexpected<Error> nonsense(std::string_view what) {
    return fail(Errc::kClosed, format("the server makes no sense: {}", what));
}

std::uint32_t number_in(std::string_view text) {
    auto number = parse_uint(text);
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    return number && *number <= kMost ? static_cast<std::uint32_t>(*number) : 0;
}

SyncFlags flags_in(std::string_view text) {
    SyncFlags flags;
    for (std::string_view word : split_words(text, " ")) {
        if (word.starts_with('\\')) {
            flags.system |= imap::system_flag(word);
        } else {
            flags.keywords.emplace_back(word);
        }
    }
    std::ranges::sort(flags.keywords);
    return flags;
}

// "1,2,7"
std::string list_of(const std::vector<std::uint32_t>& uids) {
    std::string text;
    for (std::uint32_t uid : uids) {
        text += (text.empty() ? "" : ",") + std::to_string(uid);
    }
    return text;
}

// Dovecot's names have "/" or "." between their levels.  Names of the first level have no
// separator; of what else they have one may be in a level's name, too, where it is a dot.
char separator_in(const std::vector<std::string>& names, const std::vector<std::string>& first) {
    auto some_have = [](const std::vector<std::string>& list, char c) {
        return std::ranges::any_of(list, [c](const std::string& name) { return name.contains(c); });
    };
    const bool slash = !some_have(first, '/') && some_have(names, '/');
    return slash || some_have(first, '.') ? '/' : '.';
}

bool lies_below_inbox(std::string_view name, char separator) {
    constexpr std::string_view kInbox = "INBOX";
    return name.size() > kInbox.size() + 1 && name.starts_with(kInbox) &&
           name[kInbox.size()] == separator;
}

}  // namespace

std::optional<SyncMessage> parse_fetched_row(const std::vector<std::string>& row) {
    if (row.size() < kFieldColumns || !is_sync_uid(number_in(row[0]))) {
        return std::nullopt;
    }
    SyncMessage message;
    message.uid = number_in(row[0]);
    message.guid = as_sync_guid(row[1]);
    message.flags = flags_in(row[2]);
    message.received = static_cast<std::int64_t>(number_in(row[3]));
    message.size = parse_uint(row[4]).value_or(0);
    const std::string uidl = row[5].empty() ? "" : "P" + row[5];
    const std::string order = number_in(row[6]) == 0 ? "" : " O" + row[6];
    message.extensions = pop3_extensions(uidl + order);
    return message;
}

// A failure of the command is one of the mailbox alone.
Task<Result<void>> DoveadmReplica::ask(std::vector<std::string> words, std::size_t columns,
                                       TakeRow take) {
    Row row;
    auto take_value = [&](std::string value) -> Result<void> {
        row.push_back(std::move(value));
        return row.size() == columns ? take(std::exchange(row, {})) : Result<void>();
    };
    auto done = co_await client_.command({user_, std::move(words)}, take_value);
    if (!done) {
        co_return fail_with(done);
    }
    if (!row.empty()) {
        co_return nonsense("a row with too few values");
    }
    co_return done->empty() ? Result<void>()
                            : fail(*done == "TEMPFAIL" ? Errc::kTemporary : Errc::kDenied,
                                   "the server says: " + printable(*done));
}

Task<Result<std::vector<std::string>>> DoveadmReplica::names(std::string which) {
    std::vector<std::string> names;
    auto take = [&names](Row row) -> Result<void> {
        names.push_back(std::move(row[0]));
        return names.size() > kMostMailboxes ? nonsense("too many mailboxes") : Result<void>();
    };
    auto done = co_await ask({"mailbox list", std::move(which)}, 1, take);
    co_return done ? Result<std::vector<std::string>>(std::move(names)) : fail_with(done);
}

// A mask alone stays within the namespaces that have no prefix: where INBOX's own has one, nothing
// would be told.  With INBOX beside it, it is for all of them that are the user's.
Task<Result<std::vector<DoveadmReplica::Row>>> DoveadmReplica::states() {
    std::vector<Row> rows;
    auto take = [&rows](Row row) -> Result<void> {
        rows.push_back(std::move(row));
        return rows.size() > kMostMailboxes ? nonsense("too many mailboxes") : Result<void>();
    };
    auto done =
        co_await ask({"mailbox status", std::string(kStates), "*", "INBOX"}, kStateColumns, take);
    if (!done) {
        co_return fail_with(done);
    }
    // Everybody has one.  What else is not told would be taken for deleted.
    if (std::ranges::none_of(rows, [](const Row& row) { return iequals(row[0], "INBOX"); })) {
        co_return nonsense("no INBOX among the mailboxes");
    }
    co_return rows;
}

// From `told`, all names that there are, and what masks say of them.
Task<Result<DoveadmReplica::Spelling>> DoveadmReplica::spelling(std::vector<std::string> told) {
    auto first = co_await names("%");
    auto unprefixed = first ? co_await names("*") : fail_with(first);
    if (!unprefixed) {
        co_return fail_with(unprefixed);
    }
    const char separator = separator_in(told, *first);
    auto below = [separator](const std::string& name) { return lies_below_inbox(name, separator); };
    const bool prefix =
        std::ranges::any_of(told, below) && std::ranges::none_of(*unprefixed, below);
    co_return Spelling{separator, prefix};
}

std::string DoveadmReplica::our_name(const std::string& theirs, const Spelling& spelling) {
    std::string_view name = theirs;
    if (spelling.inbox_is_prefix && lies_below_inbox(name, spelling.separator)) {
        name.remove_prefix(name.find(spelling.separator) + 1);
    }
    return names_.add(name, spelling.separator, theirs);
}

Task<Result<std::vector<SyncMailbox>>> DoveadmReplica::list() {
    auto rows = co_await states();
    auto wanted = rows ? co_await names("-s") : fail_with(rows);
    if (!wanted) {
        co_return fail_with(wanted);
    }
    std::vector<std::string> all = *wanted;
    std::ranges::transform(*rows, std::back_inserter(all), [](const Row& row) { return row[0]; });
    auto spelling = co_await this->spelling(std::move(all));
    if (!spelling) {
        co_return fail_with(spelling);
    }
    std::set<std::string> subscriptions;
    for (const std::string& name : *wanted) {
        subscriptions.insert(our_name(name, *spelling));
    }
    std::vector<SyncMailbox> found;
    for (const Row& row : *rows) {
        MailboxNumbers numbers{number_in(row[2]), number_in(row[1]), as_mailbox_guid(row[3])};
        if (numbers.uid_validity == 0 || numbers.guid.empty() || !numbers.possible()) {
            co_return nonsense("numbers of " + printable(row[0].substr(0, 100)));
        }
        const std::string name = our_name(row[0], *spelling);
        found.push_back({name, numbers.guid, true, subscriptions.erase(name) > 0});
        numbers_[name] = std::move(numbers);
    }
    for (const std::string& name : subscriptions) {
        found.push_back({name, "", false, true});
    }
    co_return found;
}

Result<MailboxNumbers> DoveadmReplica::numbers_of(const std::string& mailbox) const {
    auto found = numbers_.find(mailbox);
    return found == numbers_.end() ? fail(Errc::kDenied, "the server has no such mailbox")
                                   : Result<MailboxNumbers>(found->second);
}

Task<Result<MailboxContent>> DoveadmReplica::look(std::string mailbox) {
    auto numbers = numbers_of(mailbox);
    if (!numbers) {
        co_return fail_with(numbers);
    }
    MailboxContent content{std::move(*numbers), {}};
    auto take = [&content](const Row& row) -> Result<void> {
        auto message = parse_fetched_row(row);
        const std::uint32_t last = content.messages.empty() ? 0 : content.messages.back().uid;
        if (!message || message->uid <= last || content.messages.size() > kMostMessages) {
            return nonsense("UIDs that do not ascend");
        }
        content.messages.push_back(std::move(*message));
        return {};
    };
    auto done = co_await ask({"fetch", std::string(kFields), "mailbox-guid", content.numbers.guid},
                             kFieldColumns, take);
    if (!done) {
        co_return fail_with(done);
    }
    const std::uint32_t next = content.messages.empty() ? 1 : content.messages.back().uid + 1;
    content.numbers.next_uid = std::max(content.numbers.next_uid, next);
    co_return content;
}

Task<Result<std::vector<SyncText>>> DoveadmReplica::read(std::string mailbox,
                                                         std::vector<std::uint32_t> uids) {
    auto numbers = numbers_of(mailbox);
    if (!numbers) {
        co_return fail_with(numbers);
    }
    std::vector<SyncText> texts;
    std::set<std::uint32_t> wanted(uids.begin(), uids.end());
    std::uint64_t bytes = 0;
    auto take = [&](Row row) -> Result<void> {
        auto message = parse_fetched_row(row);
        if (!message || wanted.erase(message->uid) == 0) {
            return nonsense("a message that was not asked for");
        }
        bytes += row.back().size();
        texts.push_back({std::move(*message), std::move(row.back())});
        return bytes > kLargestSyncText ? nonsense("far more than was announced") : Result<void>();
    };
    auto done = co_await ask({"fetch", std::string(kFields) + " text", "mailbox-guid",
                              numbers->guid, "uid", list_of(uids)},
                             kFieldColumns + 1, take);
    co_return done ? Result<std::vector<SyncText>>(std::move(texts)) : fail_with(done);
}

}  // namespace relais
