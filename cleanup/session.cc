#include "cleanup/session.h"

#include <cerrno>
#include <utility>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"

#include "cleanup/commit.h"

namespace relais::cleanup {

namespace {

// Far above line_length_limit and what attributes need.
constexpr std::size_t kMaxRecord = std::size_t{1} << 20;

// Removes the file of a message that came to nothing.
class FileGuard {
  public:
    explicit FileGuard(NewQueueFile& file) : file_(&file) {}

    FileGuard(const FileGuard&) = delete;
    FileGuard& operator=(const FileGuard&) = delete;

    ~FileGuard() {
        if (file_ == nullptr) {
            return;
        }
        if (auto removed = file_->remove(); !removed) {
            log_warning("{}: {}", file_->id(), removed.error().message);
        }
    }

    void keep() { file_ = nullptr; }

  private:
    NewQueueFile* file_;
};

// Short ids come again: what the bounce service knows of an earlier message is not about this one.
void remove_stale_logs(const Service& service, const std::string& id) {
    if (is_long_queue_id(id)) {
        return;
    }
    for (std::string_view queue : {kDeferLog, kBounceLog, kTraceLog}) {
        service.dirs.remove_left_over(queue, id);
    }
}

// A NUL would end it in a request to a delivery agent, too.
std::string_view before_nul(std::string_view data) {
    return data.substr(0, data.find('\0'));
}

bool take_flow_token() {
    char token = 0;
    // Without a pipe (run by hand) there is nothing to wait for.
    return ::read(kFlowReadFd, &token, 1) != -1 || errno != EAGAIN;
}

}  // namespace

Session::Session(Service& service, Stream& client) : service_(service), stream_(client) {
    stream_.set_timeout(service.config.ipc_timeout());
}

Task<bool> Session::run() {
    auto delay = service_.config.in_flow_delay();
    if (delay.count() > 0 && !take_flow_token()) {
        co_await sleep_for(delay);
    }
    auto file = NewQueueFile::create(service_.dirs, kIncoming, kModeIncomplete);
    if (!file) {
        log_error("cannot create a queue file: {}", file.error().message);
        co_return false;
    }
    remove_stale_logs(service_, file->id());
    Message message(std::move(*file), service_.config.message_size_limit());
    co_await finish_or_remove(message);
    reply(message);
    // Else the client has said something that is none of the records: what follows is unknown.
    co_return phase_ == Phase::kDone;
}

// The client hears of the outcome when the file is on disk, or gone.
Task<void> Session::finish_or_remove(Message& message) {
    FileGuard guard(message.file);
    co_await take_message(message);
    co_await milters_->inspect();
    co_await milters_->quit();
    bool wanted = (message.flags & kCleanupDiscard) == 0;
    if (message.status == 0 && wanted) {
        co_await commit_message(service_, message);
        if (message.status == 0) {
            guard.keep();
            co_return;
        }
    }
    if (message.traced) {
        service_.dirs.remove_left_over(kTraceLog, message.id());
    }
    if (message.status != 0 && wanted && (message.flags & kCleanupBounce) != 0) {
        co_await return_to_sender(service_, message);
    }
}

Task<void> Session::take_message(Message& message) {
    AttrWriter hello;
    hello.string("protocol", kCleanupProtocol).string("queue_id", message.id()).end();
    stream_.write(hello.bytes());
    auto request = co_await read_attributes(&stream_);
    if (!request) {
        throw IoError(request.error().message);
    }
    AttrReader reader(*request);
    message.flags = reader.number("flags");
    if (reader.failed()) {
        throw IoError(reader.error());
    }
    if ((message.flags & kCleanupSmtputf8) != 0) {
        message.utf8 |= kUtf8Requested;
    }
    if ((message.flags & kCleanupRequireTls) != 0) {
        message.utf8 |= kRequireTls;
    }
    message.put(Rec::kSize, std::string(kSizeRecordLength, ' '));
    milters_ = std::make_unique<Milters>(service_, message);
    envelope_ = std::make_unique<Envelope>(service_, message, *milters_);
    co_await take_records(message);
}

Task<void> Session::take_records(Message& message) {
    while (phase_ != Phase::kDone) {
        DecodeResult next = decode_record(stream_.buffered(), kMaxRecord);
        if (next.status == Decoded::kNeedMore) {
            bool more = co_await stream_.fill();
            if (!more) {
                throw EndOfStream();
            }
            continue;
        }
        if (next.status == Decoded::kBad) {
            message.reject(kCleanupBad, "malformed record");
            co_return;
        }
        if (take_at_once(message, next.record)) {
            stream_.consume(next.used);
            if (phase_ == Phase::kContent && content_->has_work()) {
                co_await content_->work();
            }
            continue;
        }
        if (next.record.type == Rec::kMilters && phase_ == Phase::kEnvelope) {
            const std::string count(next.record.data);
            stream_.consume(next.used);
            co_await milters_->take_over(&stream_, count);
            continue;
        }
        co_await take(message, next.record.type, next.record.data);
        stream_.consume(next.used);
    }
}

// Most of all records: for one that needs no coroutine, none is made.
bool Session::take_at_once(const Message& message, const Record& record) {
    if (message.skipping()) {
        return false;
    }
    if (phase_ == Phase::kContent) {
        const bool line = record.type == Rec::kLine || record.type == Rec::kLinePart;
        if (line) {
            content_->take_line(record.type, record.data);
        }
        return line;
    }
    if (!Envelope::is_detail(record.type)) {
        return false;
    }
    envelope_->take_detail(segment(), record.type, before_nul(record.data));
    return true;
}

Segment Session::segment() const {
    return phase_ == Phase::kEnvelope ? Segment::kEnvelope : Segment::kExtracted;
}

Task<void> Session::take(Message& message, Rec type, std::string_view data) {
    // Structure first, so that the client's last record is found also in a message that is lost.
    if (type == Rec::kEnd && phase_ != Phase::kExtracted) {
        message.reject(kCleanupBad,
                       format("unexpected record type {} in {}", static_cast<int>(rec_char(type)),
                              phase_ == Phase::kContent ? "message content" : "envelope"));
        phase_ = Phase::kDone;
        co_return;
    }
    if (message.skipping()) {
        if (type == Rec::kEnd) {
            phase_ = Phase::kDone;
        }
        if (type == Rec::kContent || type == Rec::kExtracted) {
            phase_ = type == Rec::kContent ? Phase::kContent : Phase::kExtracted;
        }
        co_return;
    }
    if (type == Rec::kPointer || type == Rec::kPadding) {
        log_warning("{}: record type {} not allowed - discarding this message", message.id(),
                    static_cast<int>(rec_char(type)));
        message.fail(kCleanupBad);
        co_return;
    }
    if (phase_ == Phase::kContent) {
        co_await end_content(message, type);
    } else if (type == Rec::kContent && phase_ == Phase::kEnvelope) {
        co_await envelope_->end_of_envelope();
        content_ = std::make_unique<Content>(service_, message);
        phase_ = Phase::kContent;
    } else if (type == Rec::kEnd) {
        co_await envelope_->end_of_message();
        phase_ = Phase::kDone;
    } else {
        co_await envelope_->take(segment(), type, std::string(before_nul(data)));
    }
}

// With the one record that content ends with.
Task<void> Session::end_content(Message& message, Rec type) {
    if (type != Rec::kExtracted) {
        message.reject(kCleanupBad, format("unexpected record type {} in message content",
                                           static_cast<int>(rec_char(type))));
        co_return;
    }
    co_await content_->finish();
    if (message.editable) {
        message.put_pointer(0);
    }
    message.xtra_offset = message.file.offset();
    message.put(Rec::kExtracted, "");
    phase_ = Phase::kExtracted;
}

void Session::reply(const Message& message) {
    unsigned status = (message.flags & kCleanupDiscard) != 0 ? kCleanupOk : message.status;
    const bool in_smtp = (message.flags & kCleanupSmtpReply) != 0 && !message.smtp_reply.empty();
    AttrWriter out;
    out.number("status", status)
        .string("reason", in_smtp ? message.smtp_reply : message.reason)
        .end();
    stream_.write(out.bytes());
}

}  // namespace relais::cleanup
