#include "pickup/submission.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/deliver/log_line.h"
#include "lib/ipc/mail_source.h"
#include "lib/ipc/receive_override.h"
#include "lib/mail/date.h"

namespace relais::pickup {

namespace {

constexpr std::time_t kClockTolerance = 7200;
constexpr std::time_t kOld = 86400;
constexpr std::size_t kFlushSize = 32768;
constexpr std::string_view kEnvelopeTypes = "MCTcFILSDRO/WVA>K<ionp";
constexpr std::string_view kExtractedTypes = "EDRO/PreAFIL>Kon";

uid_t mail_owner_uid() {
    const passwd* owner = ::getpwnam(conf().mail_owner().c_str());
    return owner != nullptr ? owner->pw_uid : ::geteuid();
}

}  // namespace

SubmissionEnd remove_submitted(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        log_warning("remove {}: {}", path, std::strerror(errno));
        return SubmissionEnd::kPassedOn;
    }
    return SubmissionEnd::kGone;
}

Submission::Submission(const QueueDirs& dirs, std::string name, std::string path,
                       QueueFileStatus status)
    : dirs_(dirs), name_(std::move(name)), path_(std::move(path)), status_(status) {
}

Task<SubmissionEnd> Submission::run() {
    check_times();
    auto reply = co_await send();
    co_return finish(reply);
}

void Submission::check_times() const {
    std::time_t now = std::time(nullptr);
    std::time_t modified = status_.info.st_mtime;
    if (modified > now + kClockTolerance) {
        log_warning("{}: message dated {} seconds into the future", path_, modified - now);
    } else if (modified < now - kOld) {
        log_warning("{}: message has been queued for {} days", path_, (now - modified) / kOld);
    }
}

// postsuper -r moves files of the queue here; postdrop makes all others readable for everyone.
bool Submission::is_requeued() const {
    static const uid_t owner = mail_owner_uid();
    return (status_.info.st_mode & kModeFromPostdrop) == 0 && status_.info.st_uid == owner;
}

unsigned Submission::cleanup_flags() const {
    unsigned flags = kCleanupBounce | kCleanupExternal;
    if (is_requeued()) {
        flags &= ~unsigned{kCleanupMilter};
    }
    flags &= ~receive_override().cleanup_flags;
    return flags | utf8_detection(MailSource::kSendmail);
}

Task<Result<CleanupReply>> Submission::send() {
    std::string socket = "public/" + conf().cleanup_service_name();
    auto client = co_await CleanupClient::open(socket, cleanup_flags(), conf().ipc_timeout());
    if (!client) {
        co_return fail_with(client);
    }
    cleanup_ = std::move(*client);
    auto copied = co_await copy_records();
    if (!copied) {
        malformed_ = copied.error().code == Errc::kCorrupt;
        co_return fail_with(copied);
    }
    std::string original = is_requeued() ? " orig_id=" + name_ : "";
    log_info("{}: uid={} from=<{}>{}", cleanup_->queue_id(), status_.info.st_uid,
             address_in_log(sender_), original);
    co_return co_await cleanup_->finish();
}

Task<Result<void>> Submission::copy_records() {
    auto fd = open_file(path_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) {
        co_return fail_with(fd);
    }
    // Owner and mode of the file that was looked at decide what is done with this one.
    struct stat opened{};
    if (::fstat(fd->get(), &opened) != 0 || opened.st_ino != status_.info.st_ino ||
        opened.st_dev != status_.info.st_dev) {
        co_return fail(Errc::kTemporary, format("{}: file has changed while it was opened", path_));
    }
    if (!conf().content_filter().empty()) {
        cleanup_->put(Rec::kFilter, conf().content_filter());
    }
    RecordReader reader(fd->get());
    for (;;) {
        auto record = reader.next();
        if (!record) {
            co_return fail_with(record);
        }
        if (!*record) {
            co_return fail(Errc::kCorrupt, "unexpected end of file");
        }
        bool content = segment_ == Segment::kContent;
        std::string_view allowed = segment_ == Segment::kEnvelope ? kEnvelopeTypes
                                   : content                      ? "XLN"
                                                                  : kExtractedTypes;
        if (!allowed.contains(rec_char((*record)->type))) {
            co_return fail(Errc::kCorrupt, format("unexpected record type {} at offset {}",
                                                  static_cast<int>(rec_char((*record)->type)),
                                                  reader.record_offset()));
        }
        take(**record);
        if ((*record)->type == Rec::kEnd) {
            co_return Result<void>{};
        }
        if (cleanup_->unsent() > kFlushSize) {
            auto flushed = co_await cleanup_->flush();
            if (!flushed) {
                co_return fail_with(flushed);
            }
        }
    }
}

void Submission::take(const Record& record) {
    if (segment_ == Segment::kEnvelope) {
        take_envelope(record);
        return;
    }
    if (segment_ == Segment::kExtracted) {
        auto pair = record.type == Rec::kAttribute ? split_attribute(record.data) : std::nullopt;
        bool unknown_attribute =
            record.type == Rec::kAttribute && !(pair && attribute_alias(pair->name));
        // Filters and redirections are for this pass through the queue to decide.
        if (!unknown_attribute && !std::string_view("L>re").contains(rec_char(record.type))) {
            cleanup_->put(record.type, record.data);
        }
        return;
    }
    if (record.type == Rec::kExtracted) {
        segment_ = Segment::kExtracted;
    } else if (first_line_ && !record.data.empty() && is_blank(record.data.front())) {
        // Or it would become part of our Received: header.
        cleanup_->put(Rec::kLine, "");
    }
    first_line_ = false;
    cleanup_->put(record.type, record.data);
}

void Submission::take_envelope(const Record& record) {
    switch (record.type) {
        case Rec::kSize:
        case Rec::kFilter:
        case Rec::kRedirect:
            return;
        case Rec::kTime:
            time_sent_ = true;
            break;
        case Rec::kSender:
            if (!time_sent_) {
                cleanup_->put(Rec::kTime, std::to_string(status_.info.st_mtime));
                time_sent_ = true;
            }
            sender_ = record.data;
            break;
        case Rec::kContent:
            begin_content();
            return;
        default:
            break;
    }
    cleanup_->put(record.type, record.data);
}

void Submission::begin_content() {
    segment_ = Segment::kContent;
    cleanup_->put(Rec::kContent, "");
    cleanup_->put(Rec::kLine, format("Received: by {} ({}, from userid {})", conf().myhostname(),
                                     conf().mail_name(), status_.info.st_uid));
    cleanup_->put(Rec::kLine, format("\tid {}; {}", cleanup_->queue_id(),
                                     format_mail_date(std::time(nullptr))));
}

SubmissionEnd Submission::finish(const Result<CleanupReply>& reply) {
    if (malformed_) {
        return set_aside(reply.error().message);
    }
    if (!reply) {
        log_warning("{}: {}", path_, reply.error().message);
        return SubmissionEnd::kKept;
    }
    // What cleanup cannot even return to its sender will not be better the next time.
    constexpr unsigned kHopeless = kCleanupBad | kCleanupRecipients;
    if (reply->ok() || (reply->status & kHopeless) != 0) {
        return remove_submitted(path_);
    }
    if (reply->reason.empty()) {  // else cleanup has said it
        log_warning("{}: error writing {}: {}", path_, cleanup_->queue_id(),
                    cleanup_status_text(reply->status).text);
    }
    return SubmissionEnd::kKept;
}

SubmissionEnd Submission::set_aside(const std::string& why) {
    log_warning("uid={}: {}: malformed input: {}: moving it to {}", status_.info.st_uid, path_, why,
                kCorrupt);
    if (auto moved = dirs_.move(name_, kMaildrop, kCorrupt); !moved) {
        log_warning("{}", moved.error().message);
        return SubmissionEnd::kKept;
    }
    return SubmissionEnd::kGone;
}

}  // namespace relais::pickup
