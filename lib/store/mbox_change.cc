// How an MboxMailbox changes its file.
#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/event/blocking.h"
#include "lib/store/change_turn.h"
#include "lib/store/file_sink.h"
#include "lib/store/mbox_mailbox.h"
#include "lib/store/message_text.h"

namespace relais {

namespace {

std::string user_name() {
    const passwd* entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : "mail";
}

}  // namespace

// With everything that others have done taken over.
Task<Result<MboxLock>> MboxMailbox::lock_for_change() {
    auto lock = co_await lock_current();
    if (!lock) {
        co_return lock;
    }
    if (!writable_) {
        co_return fail_errno("write to " + place_.directory, EACCES);
    }
    if (!looked_ || !scanned_ || stamps_now() != known_) {
        Held held(locked_);
        auto synced = co_await sync_locked();
        if (!synced) {
            co_return fail_with(synced);
        }
    }
    co_return lock;
}

MboxBase MboxMailbox::wanted_base() const {
    return {uid_validity_, next_uid_ - 1, keywords_.names(), internal_.has_value()};
}

// Keywords for which there was no letter stay as they are.
MboxMarks MboxMailbox::marks_of(const MailMessage& message, const MboxMarks& old) const {
    MboxMarks marks{message.uid, message.system, true, keywords_of(message)};
    for (const std::string& name : old.keywords) {
        if (!keywords_.find(name)) {
            marks.keywords.push_back(name);
        }
    }
    return marks;
}

// The header with the marks that the message has in memory.
Result<MboxEdit> MboxMailbox::marking(const MailMessage& message, bool first) {
    const MboxSpan span = span_of(message);
    auto header = read_message_text(file_.get(), span.head_at(), span.body_at());
    if (!header) {
        return fail_with(header);
    }
    auto base = first && !internal_ ? std::optional(wanted_base()) : std::nullopt;
    const MboxMarks old = parse_mbox_header(*header).marks;
    return MboxEdit{span.head_at(), span.body_at(),
                    mark_mbox_header(*header, marks_of(message, old), base, header->size())};
}

Task<Result<void>> MboxMailbox::mark(std::vector<std::uint32_t> uids) {
    std::vector<MboxEdit> edits;
    bool with_base = false;
    for (std::uint32_t uid : uids) {
        const MailMessage* message = find(uid);
        if (message == nullptr) {
            continue;
        }
        const bool first = message == messages_.data();
        auto edit = marking(*message, first);
        if (!edit) {
            co_return fail_with(edit);
        }
        with_base |= first && !internal_;
        edits.push_back(std::move(*edit));
    }
    auto done = co_await apply(std::move(edits));
    if (done && with_base) {
        base_ = wanted_base();
    }
    co_return done;
}

Task<Result<void>> MboxMailbox::apply(std::vector<MboxEdit> edits) {
    auto shared = std::make_shared<const std::vector<MboxEdit>>(std::move(edits));
    auto done = co_await write_edits(shared);
    if (done) {
        shift_spans(*shared);
    }
    index_stale_ = true;
    co_return done;
}

// On a helper thread: all that is behind the first change may have to be written and synced.
Task<Result<void>> MboxMailbox::write_edits(std::shared_ptr<const std::vector<MboxEdit>> edits) {
    if (edits->empty()) {
        co_return Result<void>();
    }
    std::promise<bool> written;
    rewriting_.emplace(edits, written.get_future().share());
    auto work = [&written, &edits, fd = file_.get(), path = plan_path()] {
        auto done = edit_mbox(fd, path, *edits);
        written.set_value(done.has_value());
        return done;
    };
    auto done = co_await run_blocking(std::move(work));
    rewriting_.reset();
    co_return done;
}

// Where a message is once the change is written, for which this waits.  kNotFound: it goes.
Result<MboxSpan> MboxMailbox::span_after(const Rewriting& rewriting, const MboxSpan& span) const {
    if (!rewriting.done.get()) {
        return fail(Errc::kTemporary, place_.directory + " could not be written");
    }
    MboxSpan moved = span;
    for (const MboxEdit& edit : *rewriting.edits) {
        if (edit.from <= span.from_at && edit.to >= span.end) {
            return fail(Errc::kNotFound, "the message is gone");
        }
        const auto growth = static_cast<std::uint64_t>(edit.growth());
        moved.from_at += edit.from < span.from_at ? growth : 0;
        moved.end += edit.from < span.end ? growth : 0;
    }
    moved.body +=
        static_cast<std::uint32_t>((moved.end - moved.from_at) - (span.end - span.from_at));
    return moved;
}

// Edits are of whole headers.
void MboxMailbox::shift_spans(const std::vector<MboxEdit>& edits) {
    std::int64_t shift = 0;
    auto edit = edits.begin();
    for (; edit != edits.end() && internal_ && edit->from < internal_->end; ++edit) {
        internal_->end += static_cast<std::uint64_t>(edit->growth());
        internal_->body += static_cast<std::uint32_t>(edit->growth());
        shift += edit->growth();
    }
    for (MailMessage& message : messages_) {
        MboxSpan span = span_of(message);
        const std::uint64_t end = span.end;
        span.from_at += static_cast<std::uint64_t>(shift);
        for (; edit != edits.end() && edit->from < end; ++edit) {
            span.body += static_cast<std::uint32_t>(edit->growth());
            shift += edit->growth();
        }
        span.end = end + static_cast<std::uint64_t>(shift);
        set_span(message, span);
    }
}

// The first message says the last UID and the keywords: both are written before anybody relies on
// them.
Task<Result<void>> MboxMailbox::write_base() {
    if ((base_ && *base_ == wanted_base()) || (!internal_ && messages_.empty())) {
        co_return Result<void>();
    }
    if (!internal_) {
        std::vector<std::uint32_t> first(1, messages_.front().uid);
        co_return co_await mark(std::move(first));
    }
    const MboxSpan at = *internal_;
    auto header = read_message_text(file_.get(), at.head_at(), at.body_at());
    if (!header) {
        co_return fail_with(header);
    }
    const MboxMarks marks = parse_mbox_header(*header).marks;
    std::vector<MboxEdit> edits;
    edits.push_back({at.head_at(), at.body_at(),
                     mark_mbox_header(*header, marks, wanted_base(), header->size())});
    auto done = co_await apply(std::move(edits));
    base_ = done ? std::optional(wanted_base()) : base_;
    co_return done;
}

// True when there were new ones.
bool MboxMailbox::learn_keywords(const std::vector<std::string>& names) {
    bool fresh = false;
    for (const std::string& name : names) {
        fresh |= !keywords_.find(name) && keywords_.find_or_add(name);
    }
    return fresh;
}

Task<Result<FlagOutcome>> MboxMailbox::change_flags(std::vector<std::uint32_t> uids, FlagChange how,
                                                    std::uint8_t system,
                                                    std::vector<std::string> keywords,
                                                    std::uint64_t unchanged_since) {
    Semaphore::Place turn = co_await busy_.take();
    auto lock = co_await lock_for_change();
    if (!lock) {
        co_return fail_with(lock);
    }
    Held held(locked_);
    learn_keywords(keywords);
    const MessageFlags flags{system, keywords_.letters_of(keywords)};
    FlagOutcome outcome;
    std::vector<std::uint32_t> changed;
    std::vector<MessageFlags> before;
    for (std::uint32_t uid : uids) {
        MailMessage* message = find_mutable(uid);
        if (message == nullptr) {
            continue;
        }
        if (modseq_of(*message) > unchanged_since) {
            outcome.refused.push_back(uid);
            continue;
        }
        const MessageFlags wanted = changed_flags(message->flags(), how, flags);
        if (wanted != message->flags()) {
            before.push_back(message->flags());
            message->system = wanted.system;
            message->keywords = wanted.keywords;
            changed.push_back(uid);
        }
    }
    auto written = co_await mark(changed);
    if (written) {
        written = co_await write_base();
    }
    if (!written) {
        for (std::size_t i = 0; i < changed.size(); ++i) {
            MailMessage* message = find_mutable(changed[i]);
            message->system = before[i].system;
            message->keywords = before[i].keywords;
        }
        scanned_ = false;  // the file tells what has become of it
        co_return fail_with(written);
    }
    note_changed(changed, outcome);
    set_file_known();
    changes_.announce();
    co_return outcome;
}

Task<Result<std::vector<std::uint32_t>>> MboxMailbox::expunge(std::vector<std::uint32_t> uids) {
    Semaphore::Place turn = co_await busy_.take();
    auto lock = co_await lock_for_change();
    if (!lock) {
        co_return fail_with(lock);
    }
    Held held(locked_);
    std::vector<std::uint32_t> gone;
    std::vector<MboxEdit> edits;
    const MailMessage* first_left = nullptr;
    for (const MailMessage& message : messages_) {
        const MboxSpan span = span_of(message);
        if (std::ranges::binary_search(uids, message.uid)) {
            gone.push_back(message.uid);
            edits.push_back({span.from_at, span.end, ""});
        } else if (first_left == nullptr) {
            first_left = &message;
            if (!gone.empty() && !internal_) {  // the one before it said the numbers of the mailbox
                auto edit = marking(message, true);
                if (!edit) {
                    co_return fail_with(edit);
                }
                edits.push_back(std::move(*edit));
            }
        }
    }
    if (gone.empty()) {
        co_return gone;
    }
    const bool emptied = first_left == nullptr && !internal_;
    if (emptied) {
        edits.front().text = internal_mbox_message(wanted_base(), place_.host, ::time(nullptr));
    }
    auto shared = std::make_shared<const std::vector<MboxEdit>>(std::move(edits));
    auto done = co_await write_edits(shared);
    if (!done) {
        scanned_ = false;
        co_return fail_with(done);
    }
    remove_from_picture(gone, *shared);
    set_file_known();
    if (emptied) {
        scanned_ = false;  // there is a message that is none now
    }
    changes_.announce();
    co_return gone;
}

void MboxMailbox::remove_from_picture(const std::vector<std::uint32_t>& uids,
                                      const std::vector<MboxEdit>& edits) {
    std::int64_t shift = 0;
    auto edit = edits.begin();
    for (MailMessage& message : messages_) {
        MboxSpan span = span_of(message);
        const std::uint64_t end = span.end;
        const bool goes = edit != edits.end() && edit->from == span.from_at && edit->to == end;
        span.from_at += static_cast<std::uint64_t>(shift);
        for (; edit != edits.end() && edit->from < end; ++edit) {
            span.body += goes ? 0 : static_cast<std::uint32_t>(edit->growth());
            shift += edit->growth();
        }
        span.end = end + static_cast<std::uint64_t>(shift);
        set_span(message, span);
    }
    drop_messages(uids);
    base_ = wanted_base();
}

// A message as the file has it.  Its Content-Length tells where it ends, so that its lines stay as
// they are.
Result<std::string> MboxMailbox::appended_text(const NewMessage& message, std::uint32_t uid,
                                               bool first) const {
    auto fd = open_file(message.path, O_RDONLY);
    struct stat status;
    if (!fd || ::fstat(fd->get(), &status) < 0) {
        return fd ? fail_errno("fstat " + message.path) : fail_with(fd);
    }
    auto text = read_message_text(fd->get(), 0, static_cast<std::uint64_t>(status.st_size));
    if (!text) {
        return text;
    }
    auto empty_line = text->starts_with('\n') ? std::size_t{0} : text->find("\n\n");
    const std::size_t head =
        empty_line == std::string::npos ? text->size() : empty_line + (empty_line == 0 ? 1 : 2);
    std::string header = visible_mbox_header(std::string_view(*text).substr(0, head));
    if (!header.ends_with('\n')) {
        header += '\n';
    }
    if (empty_line == std::string::npos) {
        header += '\n';
    }
    std::string body = text->substr(head);
    if (!body.empty() && !body.ends_with('\n')) {
        body += '\n';
    }
    MboxMarks marks{uid, message.flags.system, false, message.keywords};
    auto base = first ? std::optional(wanted_base()) : std::nullopt;
    header.insert(header.size() - 1, format("Content-Length: {}\n", body.size()));
    return format_from_line(user_name() + "@" + place_.host, status.st_mtim.tv_sec) +
           mark_mbox_header(header, marks, base, 0) + body + "\n";
}

Result<void> MboxMailbox::append_files(const std::vector<NewMessage>& added) {
    const auto end = static_cast<std::uint64_t>(::lseek(file_.get(), 0, SEEK_END));
    FileSink sink(file_.get());
    auto last = read_message_text(file_.get(), end >= 2 ? end - 2 : 0, end);
    // An empty line before the next From_ line, whatever the last one ends with.
    if (last && end > 0 && *last != "\n\n") {
        sink.write(last->ends_with('\n') ? "\n" : "\n\n");
    }
    std::uint32_t uid = next_uid_ - static_cast<std::uint32_t>(added.size());
    bool first = messages_.empty() && !internal_;
    Result<void> done;
    for (const NewMessage& message : added) {
        auto text = appended_text(message, uid++, std::exchange(first, false));
        if (!text) {
            done = fail_with(text);
            break;
        }
        sink.write(*text);
    }
    auto finished = sink.finish();
    return done ? finished : done;
}

// On disk, or not in the file.
Task<Result<void>> MboxMailbox::append_synced(const std::vector<NewMessage>* added) {
    const int fd = file_.get();
    const off_t end = ::lseek(fd, 0, SEEK_END);
    auto done = append_files(*added);
    if (done) {
        auto sync_file = [fd] { return ::fsync(fd) == 0 ? 0 : errno; };
        const int reason = co_await run_blocking(std::move(sync_file));
        done = reason == 0 ? done : fail_errno("fsync " + place_.directory, reason);
    }
    if (!done && (end < 0 || ::ftruncate(fd, end) < 0)) {
        log_warning("{}", fail_errno("shorten " + place_.directory).error().message);
    }
    co_return done;
}

Task<Result<std::vector<std::uint32_t>>> MboxMailbox::add(std::vector<NewMessage> added) {
    Semaphore::Place turn = co_await busy_.take();
    auto lock = co_await lock_for_change();
    if (!lock) {
        co_return fail_with(lock);
    }
    Held held(locked_);
    if (added.size() > uids_left()) {
        auto anew = co_await look_at_all(added.size());
        if (!anew) {
            co_return fail_with(anew);
        }
    }
    std::vector<std::uint32_t> uids;
    for (const NewMessage& message : added) {
        uids.push_back(next_uid_++);
        learn_keywords(message.keywords);
    }
    // That these UIDs are taken stands in the file before the messages do.
    auto done = co_await write_base();
    if (done) {
        done = co_await append_synced(&added);
    }
    if (!done) {
        scanned_ = false;
        co_return fail_with(done);
    }
    for (const NewMessage& message : added) {
        ::unlink(message.path.c_str());
    }
    auto looked = co_await sync_locked();
    if (!looked) {
        scanned_ = false;
        log_warning("{}: {}", place_.directory, looked.error().message);
    }
    changes_.announce();
    co_return uids;
}

}  // namespace relais
