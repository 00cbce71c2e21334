#include "lib/sync/replica_wire.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/scanner.h"

namespace relais::sync_wire {

namespace {

constexpr std::uint32_t kMostThings = 10000000;
constexpr std::size_t kLongestList = std::size_t{1} << 16;

// A list that `parse` takes its values from.
template <class Parse>
auto read_list(Stream* stream, Parse parse)
    -> Task<Result<decltype(parse(std::declval<AttrReader&>()))>> {
    auto list = co_await read_attributes(stream, AttrEncoding::kNul, kLongestList);
    if (!list) {
        co_return fail(Errc::kClosed, list.error().message);
    }
    AttrReader reader(*list);
    auto value = parse(reader);
    if (reader.failed()) {
        co_return fail(Errc::kClosed, reader.error());
    }
    co_return value;
}

std::string joined(const std::vector<std::string>& words) {
    return join(words, " ");
}

// Keywords that a client could have set.
std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::string_view word : split_words(text, " ")) {
        if (std::ranges::all_of(word, imap::is_atom_char)) {
            words.emplace_back(word);
        }
    }
    return words;
}

SyncFlags flags_in(AttrReader& reader) {
    auto system = static_cast<std::uint8_t>(reader.number("flags") & 31);
    return {system, words_of(reader.string("keywords"))};
}

Request request_in(AttrReader& reader) {
    Request request;
    request.what = reader.string("request");
    request.mailbox = reader.string("mailbox");
    request.count = reader.number("count");
    return request;
}

Error error_in(AttrReader& reader) {
    constexpr auto kLast = static_cast<std::uint32_t>(Errc::kClosed);
    auto code = static_cast<Errc>(std::min(reader.number("code"), kLast));
    return {code, printable(reader.string("error")), 0};
}

SyncMailbox mailbox_in(AttrReader& reader) {
    SyncMailbox mailbox;
    mailbox.name = reader.string("name");
    mailbox.guid = as_mailbox_guid(reader.string("guid"));
    mailbox.exists = reader.number("exists") != 0;
    mailbox.subscribed = reader.number("subscribed") != 0;
    return mailbox;
}

MailboxNumbers numbers_in(AttrReader& reader) {
    MailboxNumbers numbers;
    numbers.uid_validity = reader.number("uid_validity");
    numbers.next_uid = reader.number("next_uid");
    numbers.guid = as_mailbox_guid(reader.string("guid"));
    return numbers;
}

SyncMessage message_in(AttrReader& reader) {
    SyncMessage message;
    message.uid = reader.number("uid");
    message.guid = as_sync_guid(reader.string("guid"));
    message.flags = flags_in(reader);
    message.received = reader.long_number("received");
    message.size = static_cast<std::uint64_t>(reader.long_number("size"));
    message.extensions = pop3_extensions(reader.string("extensions"));
    return message;
}

TreeChange tree_change_in(AttrReader& reader) {
    constexpr std::uint32_t kLast = static_cast<std::uint32_t>(TreeChange::Kind::kUnsubscribe);
    TreeChange change;
    change.kind = static_cast<TreeChange::Kind>(std::min(reader.number("kind"), kLast));
    change.name = reader.string("name");
    change.to = reader.string("to");
    change.guid = as_mailbox_guid(reader.string("guid"));
    return change;
}

std::uint32_t uid_in(AttrReader& reader) {
    return reader.number("uid");
}

std::pair<std::uint32_t, std::uint32_t> move_in(AttrReader& reader) {
    std::uint32_t from = reader.number("from");
    return {from, reader.number("to")};
}

std::pair<std::uint32_t, SyncFlags> flags_of_one_in(AttrReader& reader) {
    std::uint32_t uid = reader.number("uid");
    return {uid, flags_in(reader)};
}

struct Counts {
    std::uint32_t expunged = 0;
    std::uint32_t moved = 0;
    std::uint32_t flagged = 0;
};

Counts counts_in(AttrReader& reader) {
    Counts counts;
    counts.expunged = reader.number("expunge");
    counts.moved = reader.number("renumber");
    counts.flagged = reader.number("flags");
    return counts;
}

template <class Parse, class Value>
Task<Result<void>> read_many(Stream* stream, std::uint32_t count, Parse parse,
                             std::vector<Value>* into) {
    if (count > kMostThings) {
        co_return fail(Errc::kClosed, "too many things");
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        auto value = co_await read_list(stream, parse);
        if (!value) {
            co_return fail_with(value);
        }
        into->push_back(std::move(*value));
    }
    co_return Result<void>();
}

AttrWriter& add_flags(AttrWriter& writer, const SyncFlags& flags) {
    return writer.number("flags", flags.system).string("keywords", joined(flags.keywords));
}

}  // namespace

void write_request(Stream& stream, const Request& request) {
    stream.write(AttrWriter()
                     .string("request", request.what)
                     .string("mailbox", request.mailbox)
                     .number("count", request.count)
                     .end()
                     .bytes());
}

Task<Result<Request>> read_request(Stream* stream) {
    return read_list(stream, request_in);
}

void write_answer(Stream& stream, const Result<std::uint32_t>& count) {
    AttrWriter writer;
    writer.number("good", count ? 1 : 0);
    if (count) {
        writer.number("count", *count);
    } else {
        writer.number("code", static_cast<int>(count.error().code));
        writer.string("error", count.error().message);
    }
    stream.write(writer.end().bytes());
}

Task<Result<std::uint32_t>> read_answer(Stream* stream) {
    auto list = co_await read_attributes(stream, AttrEncoding::kNul, kLongestList);
    if (!list) {
        co_return fail(Errc::kClosed, list.error().message);
    }
    AttrReader reader(*list);
    bool good = reader.number("good") != 0;
    std::uint32_t count = good ? reader.number("count") : 0;
    Error error = good ? Error() : error_in(reader);
    if (reader.failed() || count > kMostThings) {
        co_return fail(Errc::kClosed, "the other side makes no sense");
    }
    co_return good ? Result<std::uint32_t>(count) : std::unexpected(std::move(error));
}

void write_mailbox(Stream& stream, const SyncMailbox& mailbox) {
    stream.write(AttrWriter()
                     .string("name", mailbox.name)
                     .string("guid", mailbox.guid)
                     .number("exists", mailbox.exists ? 1 : 0)
                     .number("subscribed", mailbox.subscribed ? 1 : 0)
                     .end()
                     .bytes());
}

Task<Result<SyncMailbox>> read_mailbox(Stream* stream) {
    return read_list(stream, mailbox_in);
}

void write_numbers(Stream& stream, const MailboxNumbers& numbers) {
    stream.write(AttrWriter()
                     .number("uid_validity", numbers.uid_validity)
                     .number("next_uid", numbers.next_uid)
                     .string("guid", numbers.guid)
                     .end()
                     .bytes());
}

void write_last_keywords(Stream& stream, const std::vector<std::string>& keywords) {
    stream.write(AttrWriter().string("last_keywords", joined(keywords)).end().bytes());
}

Task<Result<std::vector<std::string>>> read_last_keywords(Stream* stream) {
    return read_list(stream,
                     [](AttrReader& reader) { return words_of(reader.string("last_keywords")); });
}

Task<Result<MailboxNumbers>> read_numbers(Stream* stream) {
    auto numbers = co_await read_list(stream, numbers_in);
    bool sensible = !numbers || numbers->possible();
    co_return sensible ? std::move(numbers) : fail(Errc::kClosed, "UIDs that cannot be");
}

void write_message(Stream& stream, const SyncMessage& message) {
    AttrWriter writer;
    writer.number("uid", message.uid).string("guid", message.guid);
    add_flags(writer, message.flags)
        .long_number("received", message.received)
        .long_number("size", static_cast<std::int64_t>(message.size))
        .string("extensions", message.extensions);
    stream.write(writer.end().bytes());
}

Task<Result<SyncMessage>> read_message(Stream* stream) {
    auto message = co_await read_list(stream, message_in);
    bool sensible = !message || is_sync_uid(message->uid);
    co_return sensible ? std::move(message) : fail(Errc::kClosed, "a UID that is none");
}

void write_uids(Stream& stream, const std::vector<std::uint32_t>& uids) {
    for (std::uint32_t uid : uids) {
        stream.write(AttrWriter().number("uid", uid).end().bytes());
    }
}

Task<Result<std::vector<std::uint32_t>>> read_uids(Stream* stream, std::uint32_t count) {
    std::vector<std::uint32_t> uids;
    auto read = co_await read_many(stream, count, uid_in, &uids);
    co_return read ? Result<std::vector<std::uint32_t>>(std::move(uids)) : fail_with(read);
}

Task<void> write_text(Stream* stream, SyncText text) {
    write_message(*stream, text.message);
    stream->write(AttrWriter()
                      .long_number("length", static_cast<std::int64_t>(text.text.size()))
                      .end()
                      .bytes());
    stream->write(text.text);
    co_await stream->flush();
}

Task<Result<SyncText>> read_text(Stream* stream) {
    auto message = co_await read_message(stream);
    if (!message) {
        co_return fail_with(message);
    }
    auto length =
        co_await read_list(stream, [](AttrReader& reader) { return reader.long_number("length"); });
    if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > kLargestSyncText) {
        co_return fail(Errc::kClosed, "a message without a sensible length");
    }
    SyncText text{std::move(*message), {}};
    auto left = static_cast<std::size_t>(*length);
    while (left > 0) {
        std::string_view input = stream->buffered().substr(0, left);
        text.text += input;
        left -= input.size();
        stream->consume(input.size());
        if (left > 0) {
            bool more = co_await stream->fill();
            if (!more) {
                co_return fail(Errc::kClosed, "the other side has gone");
            }
        }
    }
    co_return text;
}

void write_tree_change(Stream& stream, const TreeChange& change) {
    stream.write(AttrWriter()
                     .number("kind", static_cast<int>(change.kind))
                     .string("name", change.name)
                     .string("to", change.to)
                     .string("guid", change.guid)
                     .end()
                     .bytes());
}

Task<Result<TreeChange>> read_tree_change(Stream* stream) {
    return read_list(stream, tree_change_in);
}

void write_change(Stream& stream, const MailboxChange& change) {
    write_numbers(stream, change.numbers);
    stream.write(AttrWriter()
                     .number("expunge", static_cast<std::int64_t>(change.expunge.size()))
                     .number("renumber", static_cast<std::int64_t>(change.renumber.size()))
                     .number("flags", static_cast<std::int64_t>(change.flags.size()))
                     .end()
                     .bytes());
    write_uids(stream, change.expunge);
    for (const auto& [from, to] : change.renumber) {
        stream.write(AttrWriter().number("from", from).number("to", to).end().bytes());
    }
    for (const auto& [uid, flags] : change.flags) {
        AttrWriter writer;
        stream.write(add_flags(writer.number("uid", uid), flags).end().bytes());
    }
}

Task<Result<MailboxChange>> read_change(Stream* stream) {
    MailboxChange change;
    auto numbers = co_await read_numbers(stream);
    auto counts = numbers ? co_await read_list(stream, counts_in) : fail_with(numbers);
    if (!counts) {
        co_return fail_with(counts);
    }
    change.numbers = std::move(*numbers);
    auto read = co_await read_many(stream, counts->expunged, uid_in, &change.expunge);
    if (read) {
        read = co_await read_many(stream, counts->moved, move_in, &change.renumber);
    }
    if (read) {
        read = co_await read_many(stream, counts->flagged, flags_of_one_in, &change.flags);
    }
    bool sensible = std::ranges::all_of(change.renumber,
                                        [](const auto& move) { return is_sync_uid(move.second); });
    if (read && !sensible) {
        co_return fail(Errc::kClosed, "a UID that is none");
    }
    co_return read ? Result<MailboxChange>(std::move(change)) : fail_with(read);
}

}  // namespace relais::sync_wire
