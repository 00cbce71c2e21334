#include "lib/sync/remote_replica.h"

#include <functional>
#include <set>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/utf7.h"
#include "lib/sync/guarded.h"

namespace relais {

namespace {

constexpr std::size_t kLongestGreeting = 200;

Error lost(std::string_view why) {
    return {Errc::kClosed, format("the other side: {}", why), 0};
}

Error lost_connection(Errc /*code*/, std::string_view why) {
    return lost(why);
}

Task<Result<void>> read_greeting(Stream* stream) {
    while (stream->buffered().find('\n') == std::string_view::npos) {
        bool more = stream->buffered().size() < kLongestGreeting && co_await stream->fill();
        if (!more) {
            co_return std::unexpected(lost("it says nothing that we understand"));
        }
    }
    std::string_view input = stream->buffered();
    if (!input.starts_with(sync_wire::kGreeting)) {
        std::string line(input.substr(0, input.find('\n')));
        co_return std::unexpected(
            lost("it says \"" + printable(line.substr(0, 80)) + "\", and speaks not as we do"));
    }
    stream->consume(sync_wire::kGreeting.size());
    co_return Result<void>();
}

Task<Result<std::vector<SyncMailbox>>> ask_list(Stream* stream) {
    sync_wire::write_request(*stream, {std::string(sync_wire::kList), "", 0});
    auto count = co_await sync_wire::read_answer(stream);
    std::vector<SyncMailbox> mailboxes;
    for (std::uint32_t i = 0; count && i < *count; ++i) {
        auto mailbox = co_await sync_wire::read_mailbox(stream);
        bool sensible = mailbox && imap::utf7_to_utf8(mailbox->name) && is_ascii(mailbox->name);
        if (!sensible) {
            co_return std::unexpected(mailbox ? lost("names that are none") : mailbox.error());
        }
        mailboxes.push_back(std::move(*mailbox));
    }
    co_return count ? Result<std::vector<SyncMailbox>>(std::move(mailboxes)) : fail_with(count);
}

Task<Result<MailboxContent>> ask_look(Stream* stream, std::string name) {
    sync_wire::write_request(*stream, {std::string(sync_wire::kLook), std::move(name), 0});
    auto count = co_await sync_wire::read_answer(stream);
    auto numbers = count ? co_await sync_wire::read_numbers(stream) : fail_with(count);
    auto keywords = numbers ? co_await sync_wire::read_last_keywords(stream) : fail_with(numbers);
    if (!keywords) {
        co_return fail_with(keywords);
    }
    MailboxContent content{std::move(*numbers), {}, std::move(*keywords)};
    for (std::uint32_t i = 0; i < *count; ++i) {
        auto message = co_await sync_wire::read_message(stream);
        bool ascends =
            message && message->uid > (content.messages.empty() ? 0 : content.messages.back().uid);
        if (!ascends) {
            co_return std::unexpected(message ? lost("UIDs do not ascend") : message.error());
        }
        content.messages.push_back(std::move(*message));
    }
    co_return content;
}

using AcceptUid = std::function<bool(std::uint32_t uid)>;

Task<Result<std::vector<SyncText>>> take_texts(Stream* stream, std::uint32_t count,
                                               AcceptUid accept) {
    std::vector<SyncText> texts;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto text = co_await sync_wire::read_text(stream);
        if (!text) {
            co_return fail_with(text);
        }
        if (!accept(text->message.uid)) {
            co_return std::unexpected(lost("a message that does not belong there"));
        }
        texts.push_back(std::move(*text));
    }
    co_return texts;
}

Task<Result<std::vector<SyncText>>> ask_read(Stream* stream, std::string name,
                                             std::vector<std::uint32_t> uids) {
    auto wanted = static_cast<std::uint32_t>(uids.size());
    sync_wire::write_request(*stream, {std::string(sync_wire::kRead), std::move(name), wanted});
    sync_wire::write_uids(*stream, uids);
    auto count = co_await sync_wire::read_answer(stream);
    if (!count || *count > wanted) {
        co_return std::unexpected(count ? lost("more than was asked for") : count.error());
    }
    std::set<std::uint32_t> left(uids.begin(), uids.end());
    AcceptUid asked_for = [&left](std::uint32_t uid) { return left.erase(uid) > 0; };
    co_return co_await take_texts(stream, *count, std::move(asked_for));
}

Task<Result<void>> take_done(Stream* stream) {
    auto count = co_await sync_wire::read_answer(stream);
    co_return count ? Result<void>() : fail_with(count);
}

Task<Result<void>> ask_put(Stream* stream, std::string name, std::vector<SyncText> messages) {
    auto count = static_cast<std::uint32_t>(messages.size());
    sync_wire::write_request(*stream, {std::string(sync_wire::kPut), std::move(name), count});
    for (SyncText& message : messages) {
        co_await sync_wire::write_text(stream, std::move(message));
    }
    co_return co_await take_done(stream);
}

// --- the server

void answer_done(Stream& stream, const Result<void>& done) {
    sync_wire::write_answer(stream, done ? Result<std::uint32_t>(0) : fail_with(done));
}

template <class T>
Result<std::uint32_t> count_of(const Result<std::vector<T>>& things) {
    return things ? Result<std::uint32_t>(static_cast<std::uint32_t>(things->size()))
                  : fail_with(things);
}

Task<Result<void>> answer_list(Replica* replica, Stream* stream) {
    auto mailboxes = co_await replica->list();
    sync_wire::write_answer(*stream, count_of(mailboxes));
    for (std::size_t i = 0; mailboxes && i < mailboxes->size(); ++i) {
        sync_wire::write_mailbox(*stream, (*mailboxes)[i]);
    }
    co_return Result<void>();
}

Task<Result<void>> answer_look(Replica* replica, Stream* stream, std::string name) {
    auto content = co_await replica->look(std::move(name));
    if (!content) {
        sync_wire::write_answer(*stream, fail_with(content));
        co_return Result<void>();
    }
    sync_wire::write_answer(*stream, static_cast<std::uint32_t>(content->messages.size()));
    sync_wire::write_numbers(*stream, content->numbers);
    sync_wire::write_last_keywords(*stream, content->last_keywords);
    for (const SyncMessage& message : content->messages) {
        sync_wire::write_message(*stream, message);
    }
    co_return Result<void>();
}

Task<Result<void>> answer_read(Replica* replica, Stream* stream, sync_wire::Request request) {
    auto uids = co_await sync_wire::read_uids(stream, request.count);
    if (!uids) {
        co_return fail_with(uids);
    }
    auto texts = co_await replica->read(std::move(request.mailbox), std::move(*uids));
    sync_wire::write_answer(*stream, count_of(texts));
    for (std::size_t i = 0; texts && i < texts->size(); ++i) {
        co_await sync_wire::write_text(stream, std::move((*texts)[i]));
    }
    co_return Result<void>();
}

Task<Result<void>> answer_put(Replica* replica, Stream* stream, sync_wire::Request request) {
    std::uint32_t last = 0;
    AcceptUid ascends = [&last](std::uint32_t uid) { return uid > std::exchange(last, uid); };
    auto texts = co_await take_texts(stream, request.count, std::move(ascends));
    if (!texts) {
        co_return fail_with(texts);
    }
    auto done = co_await replica->put(std::move(request.mailbox), std::move(*texts));
    answer_done(*stream, done);
    co_return Result<void>();
}

Task<Result<void>> answer_tree(Replica* replica, Stream* stream) {
    auto change = co_await sync_wire::read_tree_change(stream);
    if (!change) {
        co_return fail_with(change);
    }
    auto done = co_await replica->change_tree(std::move(*change));
    answer_done(*stream, done);
    co_return Result<void>();
}

Task<Result<void>> answer_change(Replica* replica, Stream* stream, std::string name) {
    auto change = co_await sync_wire::read_change(stream);
    if (!change) {
        co_return fail_with(change);
    }
    auto done = co_await replica->change(std::move(name), std::move(*change));
    answer_done(*stream, done);
    co_return Result<void>();
}

Task<Result<void>> answer(Replica* replica, Stream* stream, sync_wire::Request request) {
    if (request.what == sync_wire::kList) {
        return answer_list(replica, stream);
    }
    if (request.what == sync_wire::kLook) {
        return answer_look(replica, stream, std::move(request.mailbox));
    }
    if (request.what == sync_wire::kRead) {
        return answer_read(replica, stream, std::move(request));
    }
    if (request.what == sync_wire::kPut) {
        return answer_put(replica, stream, std::move(request));
    }
    if (request.what == sync_wire::kTree) {
        return answer_tree(replica, stream);
    }
    return answer_change(replica, stream, std::move(request.mailbox));
}

bool is_known(std::string_view what) {
    for (std::string_view each : {sync_wire::kList, sync_wire::kLook, sync_wire::kRead,
                                  sync_wire::kPut, sync_wire::kTree, sync_wire::kChange}) {
        if (each == what) {
            return true;
        }
    }
    return false;
}

Task<Result<void>> serve(Replica* replica, Stream* stream) {
    stream->write(sync_wire::kGreeting);
    for (;;) {
        while (stream->buffered().empty()) {
            bool more = co_await stream->fill();
            if (!more) {
                co_return Result<void>();
            }
        }
        auto request = co_await sync_wire::read_request(stream);
        if (!request || !is_known(request->what)) {
            co_return std::unexpected(request ? lost("an unknown request") : request.error());
        }
        auto answered = co_await answer(replica, stream, std::move(*request));
        if (!answered) {
            co_return answered;
        }
    }
}

}  // namespace

RemoteReplica::RemoteReplica(UniqueFd fd, std::chrono::seconds patience) : stream_(std::move(fd)) {
    stream_.set_timeout(patience);
}

Task<Result<void>> RemoteReplica::greet() {
    return guarded(read_greeting(&stream_), lost_connection);
}

Task<Result<std::vector<SyncMailbox>>> RemoteReplica::list() {
    return guarded(ask_list(&stream_), lost_connection);
}

Task<Result<MailboxContent>> RemoteReplica::look(std::string mailbox) {
    return guarded(ask_look(&stream_, std::move(mailbox)), lost_connection);
}

Task<Result<std::vector<SyncText>>> RemoteReplica::read(std::string mailbox,
                                                        std::vector<std::uint32_t> uids) {
    return guarded(ask_read(&stream_, std::move(mailbox), std::move(uids)), lost_connection);
}

Task<Result<void>> RemoteReplica::change_tree(TreeChange change) {
    sync_wire::write_request(stream_, {std::string(sync_wire::kTree), "", 0});
    sync_wire::write_tree_change(stream_, change);
    return guarded(take_done(&stream_), lost_connection);
}

Task<Result<void>> RemoteReplica::change(std::string mailbox, MailboxChange change) {
    sync_wire::write_request(stream_, {std::string(sync_wire::kChange), std::move(mailbox), 0});
    sync_wire::write_change(stream_, change);
    return guarded(take_done(&stream_), lost_connection);
}

Task<Result<void>> RemoteReplica::put(std::string mailbox, std::vector<SyncText> messages) {
    return guarded(ask_put(&stream_, std::move(mailbox), std::move(messages)), lost_connection);
}

Task<Result<void>> serve_replica(Replica* replica, Stream* stream) {
    return guarded(serve(replica, stream), lost_connection);
}

}  // namespace relais
