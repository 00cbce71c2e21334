#include "lib/store/mbox_mailbox.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/store/message_text.h"

namespace relais {

namespace {

std::unexpected<Error> gone() {
    return std::unexpected(Error{Errc::kNotFound, "the message is gone", ENOENT});
}

// `marked`: its UID stands in its header.
Result<StoredMessage> read_span(int fd, const MboxSpan& span, std::uint32_t uid, bool marked) {
    auto raw = read_message_text(fd, span.from_at, span.content_end());
    if (!raw) {
        return fail_with(raw);
    }
    std::string_view text = *raw;
    if (text.size() != span.content_end() - span.from_at || span.body > text.size() ||
        span.head > span.body || !parse_from_line(text.substr(0, span.head))) {
        return gone();
    }
    std::string_view header = text.substr(span.head, span.body - span.head);
    const std::uint32_t found = parse_mbox_header(header).marks.uid;
    if (found != uid && (found != 0 || marked)) {
        return gone();
    }
    std::string shown = visible_mbox_header(header);
    shown += text.substr(span.body);
    return StoredMessage{std::move(shown), span.received};
}

}  // namespace

MboxSpan MboxMailbox::span_of(const MailMessage& message) const {
    MboxSpan span;
    std::string_view stored = name_of(message);
    if (stored.size() == sizeof(span)) {
        std::memcpy(&span, stored.data(), sizeof(span));
    }
    return span;
}

void MboxMailbox::set_span(MailMessage& message, const MboxSpan& span) {
    if (message.name_size == sizeof(span)) {
        std::memcpy(names_.data() + message.name_at, &span, sizeof(span));
    }
}

Result<StoredMessage> MboxMailbox::read(const MailMessage& message) {
    if (locked_) {  // and others here are at work with the file that is open
        auto span = rewriting_ ? span_after(*rewriting_, span_of(message)) : span_of(message);
        return span ? read_span(file_.get(), *span, message.uid, writable_) : fail_with(span);
    }
    auto opened = open_file_here();
    if (!opened) {
        return fail_with(opened);
    }
    auto lock = MboxLock::for_reading(place_.directory, file_.get());
    if (!lock) {
        return fail_with(lock);
    }
    return read_span(file_.get(), span_of(message), message.uid, writable_);
}

// With a descriptor of its own, whose lock is its own.
Mailbox::Reading MboxMailbox::reading(const MailMessage& message) {
    return [path = place_.directory, span = span_of(message), uid = message.uid,
            marked = writable_]() -> Result<StoredMessage> {
        auto fd = open_file(path, O_RDONLY);
        if (!fd) {
            return fail_with(fd);
        }
        auto lock = MboxLock::for_reading(path, fd->get());
        if (!lock) {
            return fail_with(lock);
        }
        return read_span(fd->get(), span, uid, marked);
    };
}

Result<MessageTimes> MboxMailbox::times_of(const MailMessage& message) {
    const MboxSpan span = span_of(message);
    return MessageTimes{span.received, span.received};
}

std::uint64_t MboxMailbox::stored_size(const MailMessage& message) const {
    const MboxSpan span = span_of(message);
    return span.content_end() - span.head_at();
}

std::string MboxMailbox::base_name(const MailMessage& message) const {
    return format("{}{:08x}", std::string_view(guid_).substr(0, 24), message.uid);
}

std::vector<Mailbox::Watched> MboxMailbox::watched() const {
    return {{place_.directory, Watched::Kind::kContent}};
}

Task<Result<void>> MboxMailbox::set_extensions(char /*key*/, std::vector<UidExtension> /*values*/) {
    co_return Result<void>();
}

}  // namespace relais
