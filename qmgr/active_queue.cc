#include "qmgr/active_queue.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/machine_trouble.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/deliver/log_line.h"
#include "lib/queue/queue_scan.h"
#include "lib/queue/sendopts.h"

namespace relais::qmgr {

namespace {

constexpr auto kLockedDelay = std::chrono::seconds(60);
constexpr auto kBounceTimeout = std::chrono::seconds(1000);
constexpr auto kMoveAgain = std::chrono::seconds(5);
constexpr int kMostStarting = 100;

// Sets when the file is due; the scans go by the modification time.
void set_due_time(const std::string& path, std::time_t when) {
    timespec times[2] = {{.tv_sec = when, .tv_nsec = 0}, {.tv_sec = when, .tv_nsec = 0}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) {
        log_warning("set time of {}: {}", path, std::strerror(errno));
    }
}

bool log_exists(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

// Whether any of its recipients may have been written into the trace log.
bool may_be_traced(const MessageEnvelope& envelope) {
    const auto wanted = static_cast<int>(envelope.size.qmgr_flags >> 1);
    return envelope.trace_flags != 0 || (wanted & kNotifySuccess) != 0;
}

timeval to_timeval(QueueTime time) {
    return {.tv_sec = time.seconds, .tv_usec = time.microseconds};
}

}  // namespace

ActiveQueue::ActiveQueue(Queueing queueing, DirectResolver* resolver)
    : dirs_(queue_dirs_from(conf())),
      queueing_(queueing),
      scheduler_(
          queueing, [this](Entry& entry) { entry_done(entry); },
          [this] { return messages_.size(); }),
      router_(&scheduler_, resolver) {
}

bool ActiveQueue::has_room() const {
    return starting_ < kMostStarting &&
           messages_.size() < static_cast<std::size_t>(conf().qmgr_message_active_limit());
}

EnvelopeLimits ActiveQueue::read_limits(int recipients) const {
    return {.recipients = static_cast<std::size_t>(recipients),
            .attributes = static_cast<std::size_t>(conf().queue_file_attribute_count_limit())};
}

// How many recipients of all messages may be in memory.  oqmgr keeps a share for others.
int ActiveQueue::recipient_limit() const {
    int limit = conf().qmgr_message_recipient_limit();
    return queueing_ == Queueing::kDestinations
               ? static_cast<int>(std::int64_t{limit} * conf().qmgr_fudge_factor() / 100)
               : limit;
}

// How many more recipients of the message may be read.  Until it has any under way that is for
// qmgr_message_recipient_limit to say, then for the limits of their transports; and a few are
// always allowed, so that each message makes progress.
int ActiveQueue::room_for(const Message& message) {
    int room = scheduler_.room_for(message).value_or(recipient_limit() - recipients_);
    return std::max(room, conf().qmgr_message_recipient_minimum() - message.pending_recipients);
}

// The rest of a message is read in portions that are worth opening its file for, or in time.
bool ActiveQueue::wants_more(const Message& message) {
    if (message.reading_more || message.envelope.resume_offset == 0) {
        return false;
    }
    if (message.pending_recipients == 0) {
        return true;
    }
    int room = room_for(message);
    auto unread = std::chrono::steady_clock::now() - message.last_read;
    return room >= message.refill_limit || (room > 0 && unread >= message.refill_delay);
}

Task<void> ActiveQueue::close() {
    co_await tasks_.close();
    co_await remover_.close();
    co_await scheduler_.close();
}

void ActiveQueue::requeue_leftovers() {
    auto scan = QueueScan::open(std::string(kActive));
    if (!scan) {
        log_fatal("{}", scan.error().message);
    }
    while (auto entry = scan->next()) {
        if (!valid_queue_id(entry->name)) {
            continue;
        }
        set_due_time(entry->path, std::time(nullptr));
        // Nobody would look at it again.
        auto moved = dirs_.move(entry->name, kActive, kIncoming);
        if (!moved && moved.error().sys_errno != ENOENT) {
            log_fatal("{}", moved.error().message);
        }
    }
}

void ActiveQueue::put_aside(const std::string& id) {
    log_warning("saving corrupt file \"{}\" from queue \"{}\" to queue \"{}\"", id, kActive,
                kCorrupt);
    if (auto moved = dirs_.move(id, kActive, kCorrupt); !moved) {
        log_warning("{}", moved.error().message);
    }
}

void ActiveQueue::take(const std::string& from, const QueueReader::Found& found) {
    const std::string& id = found.id;
    if (messages_.contains(id)) {
        return;
    }
    if (auto moved = dirs_.move(id, from, kActive); !moved) {
        // Another process (postsuper) was faster.
        if (moved.error().sys_errno != ENOENT) {
            log_warning("{}", moved.error().message);
        }
        return;
    }
    std::string path = dirs_.path(kActive, id);
    auto file = open_queue_file(path, QueueLock::kExclusive);
    if (!file && file.error().code == Errc::kTemporary) {
        log_info("{}: skipped, still being delivered", id);
        tasks_.spawn(put_back(id, std::string(kIncoming), kLockedDelay));
        return;
    }
    if (!file) {
        log_warning("{}", file.error().message);
        if (is_machine_trouble(file.error().sys_errno)) {
            tasks_.spawn(put_back(id, std::string(kDeferred), conf().minimal_backoff_time()));
        } else if (file.error().code != Errc::kNotFound) {
            put_aside(id);
        }
        return;
    }
    auto message = std::make_shared<Message>();
    message->id = id;
    message->mode = found.mode;
    message->all_transports = found.all_transports;
    messages_[id] = message;
    tasks_.spawn(start(message, from, std::move(*file)));
}

// A defer log describes the last attempt only.  Mail that is new has none.
Task<void> ActiveQueue::forget_delays(const Message* message, std::string from) {
    std::string log = dirs_.path(kDeferLog, message->id);
    if (from != kDeferred) {
        ::unlink(log.c_str());
        co_return;
    }
    ++starting_;
    co_await shielded(remover_.remove(std::move(log)));
    if (starting_-- == kMostStarting && room_) {
        room_();
    }
}

Task<void> ActiveQueue::start(MessagePtr message, std::string from, UniqueFd file) {
    auto envelope = read_envelope(file.get(), read_limits(room_for(*message)));
    if (!envelope) {
        log_warning("{}: {}", message->id, envelope.error().message);
        if (is_machine_trouble(envelope.error().sys_errno)) {
            co_await put_back(message->id, std::string(kDeferred), conf().minimal_backoff_time());
        } else {
            put_aside(message->id);
        }
        leave(*message);
        co_return;
    }
    message->envelope = std::move(*envelope);
    if (is_probe(*message)) {
        message->probe_too_many = ++probes_ > conf().address_verify_pending_request_limit();
    }
    message->times.incoming_arrival = to_timeval(message->envelope.arrival);
    message->times.active_arrival = time_of_day();
    if ((message->mode & kModeUnthrottle) != 0) {
        message->flush_each = true;
        message->all_transports = true;
        ::fchmod(file.get(), message->mode & ~kModeUnthrottle & 07777);
    }
    bool keeps_log =
        (message->mode & kModeForceExpire) != 0 && log_exists(dirs_.path(kDeferLog, message->id));
    if (!keeps_log) {
        co_await forget_delays(message.get(), std::move(from));
    }
    if (conf().confirm_delay_cleared() && message->envelope.warn_time < 0) {
        message->envelope.trace_flags |= kReportSentLater;
    }
    auto all = static_cast<int>(message->envelope.size.recipients);
    auto read = static_cast<int>(message->envelope.recipients.size());
    message->unread_recipients = message->envelope.resume_offset == 0 ? 0 : std::max(all, read);
    log_info("{}: from=<{}>, size={}, nrcpt={} (queue active)", message->id,
             address_in_log(message->envelope.sender), message->envelope.size.content_length,
             message->envelope.size.recipients);
    if (keeps_log) {
        message->deferred = true;
        co_await finish(message);
        co_return;
    }
    co_await dispatch(message, std::move(file));
}

// Hands the recipients that were read to the scheduler.  The count is raised first: an entry that
// ends at once must not end the message.
Task<void> ActiveQueue::dispatch(MessagePtr message, UniqueFd file) {
    message->reading_more = true;
    message->last_read = std::chrono::steady_clock::now();
    auto groups = co_await router_.group(message, file.get());
    message->envelope.recipients.clear();
    file.reset();  // and with it the lock: the agents take it
    for (auto& [key, group] : groups) {
        hold(*message, static_cast<int>(group.second.size()));
    }
    for (auto& [key, group] : groups) {
        schedule(message, group.first, std::move(group.second));
    }
    message->reading_more = false;
    if (message->envelope.resume_offset == 0) {
        message->unread_recipients = 0;
    }
    if (wants_more(*message)) {
        co_await continue_reading(message);
    } else if (message->pending_recipients == 0) {
        co_await finish(message);
    }
}

// These recipients are in memory until their fate is on record.
void ActiveQueue::hold(Message& message, int recipients) {
    message.pending_recipients += recipients;
    message.unread_recipients = std::max(message.unread_recipients - recipients, 0);
    recipients_ += recipients;
}

// As few entries as the transport's limit allows.
void ActiveQueue::schedule(const MessagePtr& message, const Route& route,
                           std::vector<Recipient> recipients) {
    const TransportSettings& settings = scheduler_.transport(route.transport).settings();
    message->refill_limit = settings.refill_limit;
    message->refill_delay = settings.refill_delay;
    bool one_each = !message->envelope.verp_delimiters.empty();
    int limit = one_each ? 1 : settings.recipients_per_delivery;
    std::size_t most = limit > 0 ? static_cast<std::size_t>(limit) : recipients.size();
    for (std::size_t at = 0; at < recipients.size(); at += most) {
        auto first = recipients.begin() + static_cast<std::ptrdiff_t>(at);
        auto last = recipients.begin() +
                    static_cast<std::ptrdiff_t>(std::min(at + most, recipients.size()));
        scheduler_.add(route,
                       Entry{message, {std::move_iterator(first), std::move_iterator(last)}});
    }
}

Task<void> ActiveQueue::continue_reading(MessagePtr message) {
    message->reading_more = true;
    auto file = open_file(dirs_.path(kActive, message->id), O_RDWR);
    if (file) {
        auto limits = read_limits(room_for(*message));
        if (auto more = read_more_recipients(file->get(), message->envelope, limits); more) {
            co_await dispatch(message, std::move(*file));
            co_return;
        }
    }
    log_warning("{}: cannot read more recipients", message->id);
    message->deferred = true;
    message->envelope.resume_offset = 0;  // these must wait for the next attempt
    message->reading_more = false;
    if (message->pending_recipients == 0) {
        co_await finish(message);
    }
}

void ActiveQueue::entry_done(Entry& entry) {
    MessagePtr message = entry.message;
    auto recipients = static_cast<int>(entry.recipients.size());
    message->pending_recipients -= recipients;
    recipients_ -= recipients;
    if (wants_more(*message)) {
        message->reading_more = true;
        tasks_.spawn(continue_reading(message));
    } else if (message->pending_recipients == 0 && !message->reading_more) {
        tasks_.spawn(finish(message));
    }
}

Task<bool> ActiveQueue::request(const Message* message, BounceOp op, std::string service,
                                int flags) {
    const MessageEnvelope& envelope = message->envelope;
    BounceRequest request;
    request.op = op;
    request.flags = flags;
    request.queue_id = message->id;
    request.queue_name = kActive;
    request.encoding = envelope.encoding;
    request.sendopts =
        static_cast<int>(envelope.size.sendopts) | (message->utf8_recipients ? kUtf8Recipient : 0);
    request.sender = envelope.sender;
    request.envelope_id = envelope.envelope_id;
    request.ret_flags = envelope.ret_flags;
    request.verp_delimiters = envelope.verp_delimiters;
    auto sent = co_await send_bounce_request(service, std::move(request), kBounceTimeout);
    if (!sent) {
        log_warning("{}: {}", message->id, sent.error().message);
    }
    co_return sent.has_value();
}

bool ActiveQueue::is_expired(const Message& message) const {
    auto lifetime = message.envelope.sender.empty()
                        ? std::min(conf().bounce_queue_lifetime(), conf().maximal_queue_lifetime())
                        : conf().maximal_queue_lifetime();
    bool forced = (message.mode & kModeForceExpire) != 0;
    return forced || std::time(nullptr) >= message.envelope.create_time + lifetime.count();
}

// Every recipient's fate is on record: the logs that the agents left say what is still to do.
Task<void> ActiveQueue::finish(MessagePtr message) {
    // What agents and postsuper mark the file with is for messages that are not done with.
    std::optional<QueueFileStatus> status;
    if (message->deferred) {
        if (auto found = queue_file_status(dirs_.path(kActive, message->id))) {
            status = *found;
        }
    }
    if (status && status->corrupt_mark()) {
        put_aside(message->id);
        leave(*message);
        co_return;
    }
    if (log_exists(dirs_.path(kBounceLog, message->id))) {
        co_await send_bounce(message);
    }
    if (may_be_traced(message->envelope) && log_exists(dirs_.path(kTraceLog, message->id))) {
        co_await send_trace(message);
    }
    if (status && status->force_expired()) {
        message->mode |= kModeForceExpire;
    }
    if (!message->deferred) {
        co_await remove(message.get());
    } else if (is_expired(*message)) {
        bool forced = (message->mode & kModeForceExpire) != 0;
        co_await return_expired(message, forced ? "force-expired" : "expired");
    } else {
        co_await warn_of_delay(message);
        co_await defer(message);
    }
    leave(*message);
}

static bool one_bounce_each(const MessageEnvelope& envelope) {
    return !envelope.verp_delimiters.empty() && !envelope.sender.empty() &&
           !conf().disable_verp_bounces();
}

Task<void> ActiveQueue::send_bounce(MessagePtr message) {
    const MessageEnvelope& envelope = message->envelope;
    bool verp = one_bounce_each(envelope);
    bool sent = co_await request(message.get(), verp ? BounceOp::kVerp : BounceOp::kFlush,
                                 conf().bounce_service_name(), 0);
    if (!sent) {
        // The bounce log stays, and with it the message.
        log_info("{}: status=deferred (bounce failed)", message->id);
        message->deferred = true;
    }
}

Task<void> ActiveQueue::send_trace(MessagePtr message) {
    bool sent = co_await request(message.get(), BounceOp::kTrace, conf().trace_service_name(),
                                 message->envelope.trace_flags);
    if (!sent) {
        // The trace log stays, and with it the message.
        message->deferred = true;
    }
    // `sendmail -v` reports once.
    if (sent && message->envelope.trace_flags == kRecordDelivery &&
        message->envelope.trace_offset > 0) {
        auto file = open_file(dirs_.path(kActive, message->id), O_RDWR);
        if (file) {
            auto killed = kill_record(file->get(), message->envelope.trace_offset);
            static_cast<void>(killed);
        }
    }
}

Task<void> ActiveQueue::return_expired(MessagePtr message, std::string status) {
    log_info("{}: from=<{}>, status={}, returned to sender", message->id,
             address_in_log(message->envelope.sender), status);
    bool verp = one_bounce_each(message->envelope);
    bool sent = co_await request(message.get(), verp ? BounceOp::kVerp : BounceOp::kFlush,
                                 conf().defer_service_name(), kBounceMarkDone);
    if (sent) {
        co_await remove(message.get());
    } else {
        co_await defer(message);
    }
}

Task<void> ActiveQueue::warn_of_delay(MessagePtr message) {
    MessageEnvelope& envelope = message->envelope;
    if (envelope.warn_time <= 0 || std::time(nullptr) < envelope.warn_time - 1) {
        co_return;
    }
    bool sent = co_await request(message.get(), BounceOp::kWarn, conf().defer_service_name(), 0);
    auto file = open_file(dirs_.path(kActive, message->id), O_RDWR);
    if (sent && file) {
        auto written = rewrite_warning_time(file->get(), envelope.warn_offset, -1);
        if (!written) {
            log_warning("{}: {}", message->id, written.error().message);
        }
    }
}

// The longer a message waits, the longer until the next attempt.
Task<void> ActiveQueue::defer(MessagePtr message) {
    auto age = std::chrono::seconds(std::time(nullptr) - message->envelope.create_time);
    auto delay = std::clamp(age, conf().minimal_backoff_time(),
                            std::max(conf().minimal_backoff_time(), conf().maximal_backoff_time()));
    co_await put_back(message->id, std::string(kDeferred), delay);
}

// Moves a file out of the active queue, to be due after `delay`.  In the active queue nobody would
// look at it again, so it is tried until it works.
Task<void> ActiveQueue::put_back(std::string id, std::string queue, std::chrono::seconds delay) {
    set_due_time(dirs_.path(kActive, id), std::time(nullptr) + delay.count());
    for (;;) {
        auto moved = dirs_.move(id, kActive, queue);
        if (moved) {
            co_return;
        }
        log_warning("{}", moved.error().message);
        if (moved.error().sys_errno == ENOENT) {
            co_return;  // postsuper -d was faster
        }
        co_await sleep_for(kMoveAgain);
    }
}

Task<void> ActiveQueue::remove(const Message* message) {
    Result<void> removed;
    if (conf().dont_remove() != 0) {
        removed = dirs_.move(message->id, kActive, kSaved);
    } else {
        std::string path = dirs_.path(kActive, message->id);
        // Where nobody would have to wait for it, a thread only takes time.
        int error = 0;
        if (messages_.size() > 1) {
            error = co_await shielded(remover_.remove(path));
        } else if (::unlink(path.c_str()) != 0) {
            error = errno;
        }
        if (error != 0) {
            removed = fail_errno("remove " + path, error);
        }
    }
    if (removed) {
        log_info("{}: removed", message->id);
    } else if (removed.error().sys_errno != ENOENT) {  // postsuper -d may have been faster
        log_fatal("{}", removed.error().message);
    }
}

void ActiveQueue::leave(const Message& message) {
    if (is_probe(message)) {
        --probes_;
    }
    messages_.erase(std::string(message.id));
    if (room_) {
        room_();
    }
}

}  // namespace relais::qmgr
